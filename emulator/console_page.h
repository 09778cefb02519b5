/* The console: one self-contained page that shows the app and its latest invocations. */
#pragma once

extern const char console_page[];

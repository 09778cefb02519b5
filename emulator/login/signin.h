/* /u/login: the page on which a user says who he is. */
#pragma once

#include "emulator/login/visit.h"

void signin_page(struct visit *v);
void signin_post(struct visit *v);

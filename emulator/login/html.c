#include "emulator/login/html.h"

#include "proxy/base/encode.h"

static const char STYLE[] =
	":root{color-scheme:light dark;--bg:#f3f4f8;--glow:#e3e7fb;--card:#fff;--line:#d9dce5;"
	"--field:#868da1;--text:#1c2130;--soft:#5d6477;--accent:#4753d6;--accent-hover:#3a45bd;--"
	"on-accent:#fff;"
	"--hover:#f4f5fb;--bad:#b3261e;--shadow:0 1px 2px rgba(24,30,60,.06),0 12px 40px "
	"rgba(24,30,60,.10)}"
	"@media(prefers-color-scheme:dark){:root{--bg:#12141c;--glow:#1d2138;--card:#1b1e29;"
	"--line:#363b4d;--field:#7a8299;--text:#eceef6;--soft:#a3a9bd;--accent:#98a2ff;--accent-"
	"hover:#b0b8ff;"
	"--on-accent:#12141c;--hover:#242836;--bad:#ff9d94;--shadow:0 1px 2px rgba(0,0,0,.4),"
	"0 12px 40px rgba(0,0,0,.35)}}"
	"*{box-sizing:border-box;margin:0}"
	"body{min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;"
	"align-items:center;justify-content:center;gap:1.5rem;padding:1.5rem 1rem;"
	"background:radial-gradient(60rem 30rem at 50% -6rem,var(--glow),transparent) var(--bg);"
	"color:var(--text);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica "
	"Neue',sans-serif;-webkit-font-smoothing:antialiased}"
	"main{width:100%;max-width:25rem;padding:2.5rem;background:var(--card);"
	"border-radius:1rem;box-shadow:var(--shadow)}"
	"h1{font-size:1.6rem;line-height:1.25;font-weight:650;letter-spacing:-.015em;"
	"text-align:center;text-wrap:balance}"
	".lead{margin-top:.5rem;color:var(--soft);text-align:center;overflow-wrap:anywhere;"
	"text-wrap:pretty}"
	".lead b,footer b{color:var(--text);font-weight:600}"
	"a{color:var(--accent)}"
	".people{list-style:none;padding:0;margin-top:1.75rem;border:1px solid var(--line);"
	"border-radius:.625rem;overflow:hidden}"
	".people li+li{border-top:1px solid var(--line)}"
	"button{font:inherit;cursor:pointer;border:0}"
	".person{display:flex;align-items:center;gap:.75rem;width:100%;padding:.75rem .875rem;"
	"background:none;color:inherit;text-align:left}"
	".person:hover{background:var(--hover)}"
	".address{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
	".avatar{flex:none;display:grid;place-items:center;width:2rem;height:2rem;"
	"border-radius:50%;font-size:.875rem;font-weight:600;color:#fff}"
	".tint0{background:#4753d6}.tint1{background:#0b7a75}.tint2{background:#a1457a}"
	".tint3{background:#a3541b}.tint4{background:#2f6f3e}.tint5{background:#6a4fb3}"
	".or{display:flex;align-items:center;gap:.75rem;margin:1.5rem 0 -.25rem;color:var(--soft);"
	"font-size:.875rem}"
	".or:before,.or:after{content:'';flex:1;height:1px;background:var(--line)}"
	"label{display:block;margin:1.25rem 0 .375rem;font-size:.875rem;font-weight:550}"
	".lead+form label:first-of-type{margin-top:1.75rem}"
	"label i{color:var(--soft);font-style:normal;font-weight:400}"
	"input{display:block;width:100%;height:3rem;padding:0 .875rem;font:inherit;color:inherit;"
	"background:transparent;border:1px solid var(--field);border-radius:.625rem}"
	"input:hover{border-color:var(--text)}"
	"input[aria-invalid]{border-color:var(--bad)}"
	".problem{margin-top:.375rem;font-size:.875rem;color:var(--bad)}"
	".primary{width:100%;height:3rem;margin-top:1.75rem;border-radius:.625rem;"
	"background:var(--accent);color:var(--on-accent);font-weight:600}"
	".primary:hover{background:var(--accent-hover)}"
	"input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid "
	"color-mix(in srgb,var(--accent) 45%,transparent);outline-offset:1px;"
	"border-color:var(--accent)}"
	".person:focus-visible{outline-offset:-3px}"
	".mark{display:grid;place-items:center;width:3.25rem;height:3.25rem;margin:0 auto 1.25rem;"
	"border-radius:.875rem;background:linear-gradient(145deg,#6672f0,#3d47b8);color:#fff;"
	"font-size:1.5rem;font-weight:650;box-shadow:0 4px 14px rgba(71,83,214,.35)}"
	".sign{display:grid;place-items:center;width:3rem;height:3rem;margin:0 auto 1rem;"
	"border-radius:50%;border:2px solid var(--bad);color:var(--bad);font-size:1.5rem;"
	"font-weight:600}"
	"footer{max-width:25rem;text-align:center;font-size:.875rem;line-height:1.75;"
	"color:var(--soft);overflow-wrap:anywhere}"
	".pill{display:inline-block;padding:0 .5rem;border:1px solid var(--line);"
	"border-radius:1rem;font-size:.8125rem;line-height:1.5}"
	"@media(max-width:30rem){main{padding:2rem 1.5rem}}";

void html_initial(struct buf *out, const char *text)
{
	char first[5] = { text[0] };
	if (text[0] >= 'a' && text[0] <= 'z') {
		first[0] = (char)(text[0] - ('a' - 'A'));
	}
	/* The rest of a character of several bytes. */
	for (size_t i = 1; i < 4 && ((unsigned char)text[i] & 0xc0) == 0x80; i++) {
		first[i] = text[i];
	}
	markup_escape(out, first);
}

void html_begin(struct buf *out, const char *title)
{
	buf_add_str(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
			 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
			 "<title>");
	markup_escape(out, title);
	buf_add_str(out, "</title><style>");
	buf_add_str(out, STYLE);
	buf_add_str(out, "</style></head><body><main>");
}

void html_end_card(struct buf *out)
{
	buf_add_str(out, "</main>");
}

void html_end(struct buf *out)
{
	buf_add_str(out, "</body></html>\n");
}

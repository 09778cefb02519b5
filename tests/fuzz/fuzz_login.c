/* login: "METHOD TARGET", header lines, an empty line, a body. Whatever comes, there is one answer; it never
 * redirects away from loopback, and its header lines cannot be split (fake_exchange checks that). */
#include "fake_exchange.h"

#include "emulator/login/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct login *provider(void)
{
	static struct login *login;
	if (!login) {
		struct err err = ERR_INIT;
		static const char *const clients[] = { "c" };
		struct login_config config = { .clock = &clock_system,
			.store = store_open(NULL, &clock_system, &err),
			.issuer = "https://myorg.us.auth0.com" };
		struct login_app app = { .name = "app", .client_ids = clients, .n_client_ids = 1 };
		ENSURE(config.store);
		login = login_create(&config, &app, &err);
		ENSURE(login);
	}
	return login;
}

/* Cuts a line off *text and ends it. */
static char *line(char **text)
{
	char *start = *text;
	size_t n = strcspn(start, "\n");
	*text = start + n + (start[n] != '\0');
	start[n] = '\0';
	return start;
}

static bool is_header_text(const char *s)
{
	return *s && !strchr(s, '\r');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	char *rest = text;
	char *target = line(&rest);
	size_t method = strcspn(target, " ");
	AUTO_FREE char *name = xstrndup(target, method);
	target += method + (target[method] != '\0');
	char *lines[12];
	size_t n = 0;
	while (n < COUNT_OF(lines) && *rest) {
		lines[n] = line(&rest);
		if (!*lines[n]) {
			break;
		}
		n++;
	}
	struct http_exchange *x = fake_exchange(name, target, rest);
	fake_header(x, "Host", "localhost:4512");
	for (size_t i = 0; i < n; i++) {
		char *colon = strchr(lines[i], ':');
		if (colon && is_header_text(lines[i]) && colon[1]) {
			*colon = '\0';
			fake_header(x, lines[i], colon + 1 + (colon[1] == ' '));
		}
	}
	login_request(provider(), x);
	ENSURE(x->status >= 200 && x->status < 600);
	const char *location = fake_value(x, "Location");
	ENSURE(!*location || *location == '/' || strncmp(location, "http://localhost", 16) == 0 ||
		strncmp(location, "http://127.0.0.1", 16) == 0 ||
		strncasecmp(location, "http://localhost", 16) == 0 ||
		strncmp(location, "http://[::1]", 12) == 0);
	ENSURE(location[0] != '/' || location[1] != '/');
	fake_exchange_free(x);
	return 0;
}

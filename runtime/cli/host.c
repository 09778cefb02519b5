#include "runtime/cli/host.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

bool host_is_good(const char *host)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	return strlen(host) < HOST_MAX &&
	       (strcmp(host, "localhost") == 0 || uv_ip4_addr(host, 0, &v4) == 0 ||
		       uv_ip6_addr(host, 0, &v6) == 0);
}

bool host_is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
	       strcmp(host, "::1") == 0;
}

bool host_is_any(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool leaves(const uv_interface_address_t *a, int family)
{
	return !a->is_internal && a->address.address4.sin_family == family &&
	       (family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&a->address.address6.sin6_addr));
}

static void find_outside(int family, char out[HOST_MAX])
{
	uv_interface_address_t *all = NULL;
	int n = 0;
	if (uv_interface_addresses(&all, &n)) {
		return;
	}
	for (int i = 0; i < n; i++) {
		if (leaves(&all[i], family)) {
			uv_ip_name((const struct sockaddr *)&all[i].address, out, HOST_MAX);
			break;
		}
	}
	uv_free_interface_addresses(all, n);
}

void host_public(const char *host, bool others, char out[HOST_MAX])
{
	bool any = host_is_any(host);
	bool usual = any || strcmp(host, "127.0.0.1") == 0;
	snprintf(out, HOST_MAX, "%s", usual ? "localhost" : host);
	if (any && others) {
		find_outside(AF_INET, out);
	}
	if (any && others && strcmp(out, "localhost") == 0 && strcmp(host, "::") == 0) {
		find_outside(AF_INET6, out);
	}
}

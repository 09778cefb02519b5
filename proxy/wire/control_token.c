#include "proxy/wire/control_token.h"

#include <stdio.h>

void control_token(char out[CONTROL_TOKEN_LEN + 1], struct span bridge_token)
{
	unsigned char mac[SHA256_LEN];
	hmac_sha256(mac, bridge_token, SPAN("offstage control"));
	for (size_t i = 0; i < SHA256_LEN; i++) {
		snprintf(out + i * 2, 3, "%02x", mac[i]);
	}
}

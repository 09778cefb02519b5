#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/pool/debugger.h"

static const char table[] =
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
	"   0: 0100007F:240D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
	"   1: 0100007F:240E 0100007F:D5A2 01 00000000:00000000 00:00000000 00000000     0\n"
	"   2: 0100007F:D5A2 0100007F:240F 01 00000000:00000000 00:00000000 00000000     0\n"
	"   3: 0100007F:2410 0100007F:D5A3 06 00000000:00000000 00:00000000 00000000     0\n";

static void only_a_connection_to_the_port_counts(void **state)
{
	(void)state;
	assert_false(debugger_listed(span_of(table), 0x240d)); /* listens */
	assert_true(debugger_listed(span_of(table), 0x240e));
	assert_false(debugger_listed(span_of(table), 0x240f)); /* the far end's */
	assert_false(debugger_listed(span_of(table), 0x2410)); /* gone: TIME_WAIT */
	assert_false(debugger_listed(SPAN(""), 0x240e));
	assert_false(debugger_listed(SPAN("1: nonsense\n:::\n"), 0x240e));
}

static void the_kernel_lists_real_ones(void **state)
{
	(void)state;
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&at, &len), 0);
	assert_false(debugger_attached(ntohs(at.sin_port)));
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
	assert_true(debugger_attached(ntohs(at.sin_port)));
	close(client);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_connection_to_the_port_counts),
		cmocka_unit_test(the_kernel_lists_real_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

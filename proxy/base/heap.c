#include "proxy/base/heap.h"

#include <stdlib.h> /* says which C library it is */

#ifdef __GLIBC__
#include <malloc.h>

size_t heap_give_back(size_t most, size_t known)
{
	size_t unused = mallinfo2().fordblks;
	if (unused <= most || unused == known) {
		return known;
	}
	malloc_trim(0);
	return mallinfo2().fordblks;
}
#else
size_t heap_give_back(size_t most, size_t known)
{
	(void)most;
	return known;
}
#endif

/* Runs a fuzz target over every file of the folders named: the regression test that any compiler can do. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/alloc.h"
#include "proxy/base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path)
{
	struct buf content = BUF_INIT(4u << 20);
	struct err err = ERR_INIT;
	ENSURE(file_read(path, &content, &err) == 0);
	/* An exact copy, so that the sanitizer sees a read past its end. */
	uint8_t *copy = malloc(content.len ? content.len : 1);
	ENSURE(copy);
	if (content.len) {
		memcpy(copy, content.ptr, content.len);
	}
	LLVMFuzzerTestOneInput(copy, content.len);
	free(copy);
	buf_fini(&content);
}

int main(int argc, char **argv)
{
	unsigned files = 0;
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		for (struct dirent *entry; d && (entry = readdir(d));) {
			if (entry->d_name[0] != '.') {
				AUTO_FREE char *path = xasprintf("%s/%s", argv[i], entry->d_name);
				replay_file(path);
				files++;
			}
		}
		if (d) {
			closedir(d);
		}
	}
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("%u inputs\n", files);
	return files ? 0 : 1;
}

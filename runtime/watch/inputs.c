#include "runtime/watch/inputs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"

#define MISSING_GRACE_NS 300000000u /* a save by delete and create may take this long */
#define TICK_MS 20 /* times of files move in steps of the kernel's clock */
#define MAX_INPUTS 50000

/* What a file was. All zero: it did not exist. */
struct mark {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

struct input {
	struct watch_file *file;
	struct mark mark;
	bool known; /* its mark was taken before the build read it */
};

struct inputs {
	struct watch *watch;
	struct input *list; /* sorted by path */
	size_t n;
	bool built; /* inputs_end was called */
	uint64_t begin_seq; /* events after it count as changes */
	uint64_t begin_moment; /* the same, for watch_file_rested */
	int64_t begin_ms; /* wall clock */
	uint64_t checked_seq; /* nothing had changed up to here */
	uint64_t missing_ns; /* since when an input is away; 0 = none is */
};

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct mark mark_of(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		return (struct mark){ 0 };
	}
	return (struct mark){ st.st_dev, st.st_ino, (uint64_t)st.st_size, ns_of(st.st_mtim),
		ns_of(st.st_ctim) };
}

static bool mark_eq(const struct mark *a, const struct mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

struct inputs *inputs_create(struct watch *w)
{
	struct inputs *in = xalloc(sizeof *in);
	in->watch = w;
	return in;
}

static void drop_all(struct input *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		watch_drop(list[i].file);
	}
	free(list);
}

void inputs_destroy(struct inputs *in)
{
	if (in) {
		drop_all(in->list, in->n);
		free(in);
	}
}

void inputs_begin(struct inputs *in)
{
	in->begin_seq = watch_seq(in->watch);
	in->begin_moment = watch_moment(in->watch);
	in->begin_ms = clock_now_ms(&clock_system);
	in->missing_ns = 0;
	for (size_t i = 0; i < in->n; i++) {
		in->list[i].mark = mark_of(watch_path(in->list[i].file));
		in->list[i].known = true;
	}
}

static int by_path(const void *a, const void *b)
{
	const struct input *x = a, *y = b;
	return strcmp(watch_path(x->file), watch_path(y->file));
}

static const struct input *find(const struct input *list, size_t n, const struct input *key)
{
	return n ? bsearch(key, list, n, sizeof *key, by_path) : NULL;
}

/* One that the build found by itself: its mark is taken late. That is as good as an early one if it is sure
 * that nobody wrote meanwhile. Else, if the file is so young that it may have changed while it was read, the
 * mark is spoilt and the next check says "changed". */
static void mark_late(const struct inputs *in, struct input *i)
{
	i->mark = mark_of(watch_path(i->file));
	if (watch_file_rested(i->file, in->begin_moment)) {
		return;
	}
	int64_t young = (in->begin_ms - TICK_MS) * 1000000;
	if (i->mark.mtime_ns >= young || i->mark.ctime_ns >= young) {
		i->mark.size = UINT64_MAX;
	}
}

void inputs_end(struct inputs *in, const char *const *paths, size_t n, const char *const *missing,
	size_t n_missing)
{
	n = n < MAX_INPUTS ? n : MAX_INPUTS;
	n_missing = n_missing < MAX_INPUTS ? n_missing : MAX_INPUTS;
	struct input *list = xcalloc(n + n_missing + 1, sizeof *list);
	for (size_t i = 0; i < n + n_missing; i++) {
		list[i].file = watch_add(in->watch, i < n ? paths[i] : missing[i - n]);
	}
	qsort(list, n + n_missing, sizeof *list, by_path);
	for (size_t i = 0; i < n + n_missing; i++) {
		const struct input *old = find(in->list, in->n, &list[i]);
		if (old && old->known) {
			list[i].mark = old->mark;
		} else {
			mark_late(in, &list[i]);
		}
	}
	drop_all(in->list, in->n);
	in->list = list;
	in->n = n + n_missing;
	in->built = true;
	in->checked_seq = 0;
}

static bool is_changed(const struct inputs *in)
{
	if (!in->built || watch_shape_seq(in->watch) > in->begin_seq) {
		return true;
	}
	for (size_t i = 0; i < in->n; i++) {
		if (watch_file_seq(in->list[i].file) > in->begin_seq) {
			return true;
		}
	}
	for (size_t i = 0; i < in->n; i++) {
		struct mark now = mark_of(watch_path(in->list[i].file));
		if (!mark_eq(&now, &in->list[i].mark)) {
			return true;
		}
	}
	return false;
}

/* Whether one that was there is away, as between the delete and the create of a save. */
static bool is_one_missing(const struct inputs *in)
{
	for (size_t i = 0; i < in->n; i++) {
		struct mark now = mark_of(watch_path(in->list[i].file));
		if (now.ino == 0 && in->list[i].mark.ino != 0) {
			return true;
		}
	}
	return false;
}

static bool is_settled(struct inputs *in)
{
	for (size_t i = 0; i < in->n; i++) {
		if (watch_file_open(in->list[i].file)) {
			return false;
		}
	}
	if (!is_one_missing(in)) {
		in->missing_ns = 0;
		return true;
	}
	uint64_t now = clock_mono_ns(&clock_system);
	in->missing_ns = in->missing_ns ? in->missing_ns : now;
	return now - in->missing_ns > MISSING_GRACE_NS;
}

enum inputs_state inputs_check(struct inputs *in)
{
	uint64_t seq = watch_seq(in->watch);
	if (in->built && in->checked_seq == seq) {
		return INPUTS_SAME;
	}
	if (!is_changed(in)) {
		in->checked_seq = seq;
		return INPUTS_SAME;
	}
	return is_settled(in) ? INPUTS_CHANGED : INPUTS_UNSETTLED;
}

size_t inputs_count(const struct inputs *in)
{
	return in->n;
}

const char *inputs_path(const struct inputs *in, size_t i)
{
	return watch_path(in->list[i].file);
}

static void add_line(struct buf *out, const char *path, bool folder)
{
	struct mark m = mark_of(path);
	buf_addf(out, "%s %" PRIu64 " %" PRId64 " %" PRIu64 "\n", path, folder ? 0 : m.size,
		m.mtime_ns, m.ino);
}

/* The folders above path, up to root, that are not above `before`: each is so written once. */
static void add_folders(struct buf *out, const char *path, const char *before, const char *root)
{
	size_t n = strlen(root);
	if (strncmp(path, root, n) != 0 || path[n] != '/') {
		return;
	}
	AUTO_FREE char *folder = xstrdup(path);
	for (char *slash = strrchr(folder, '/'); slash && slash >= folder + n;
		slash = strrchr(folder, '/')) {
		slash[1] = '\0';
		if (strncmp(before, folder, strlen(folder)) == 0) {
			return;
		}
		*slash = '\0';
		add_line(out, folder, true);
	}
}

void inputs_signature(const struct inputs *in, const char *root, struct buf *out)
{
	const char *before = "";
	for (size_t i = 0; i < in->n; i++) {
		const char *path = inputs_path(in, i);
		add_folders(out, path, before, root);
		add_line(out, path, false);
		before = path;
	}
}

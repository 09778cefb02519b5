/* inotify watches folders; a folder's events name its entries. Kept: folders by watch descriptor and by
 * path, files by path. Two paths may lead to one folder (and so share a descriptor): each is told.
 *
 *   read -> on_entry (a name in a folder) -> a file that is asked for: its seq moves, open or closed
 *                                        -> a folder: its watches are moved, what is below counts as changed
 *                                        -> any other name: the shape moves if an import could mean it
 *   overflow: everything counts as changed, all trees are walked again */
#include "runtime/watch/watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "proxy/base/alloc.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"

#define APPEARED (IN_CREATE | IN_MOVED_TO)
#define VANISHED (IN_DELETE | IN_MOVED_FROM)
#define ENTRIES (APPEARED | VANISHED | IN_DELETE_SELF | IN_ONLYDIR)
#define WRITES (IN_MODIFY | IN_CLOSE_WRITE)
#define OPEN_LIMIT_NS 2000000000u
#define MAX_DIRS 100000
#define N_RECENT 256 /* a power of two */
#define PATH_MAX_BYTES 4096

struct watch_dir {
	char *path; /* the key */
	int wd;
	bool tree; /* its folders are watched as well */
	uint64_t written_since; /* this moment writes are told; UINT64_MAX: they are not */
	struct watch_dir *same_wd; /* another path of the same folder */
	UT_hash_handle hh;
};

/* A link in a watched folder: when it goes, nothing else says that it was one. */
struct watch_link {
	char *path; /* the key */
	UT_hash_handle hh;
};

struct watch_file {
	char *path; /* the key */
	struct watch *watch;
	unsigned users;
	uint64_t seq;
	bool open;
	uint64_t open_ns; /* last write */
	UT_hash_handle hh;
};

struct watch {
	struct watch_config config;
	int fd;
	uv_poll_t poll;
	struct watch_dir *dirs; /* by path */
	struct watch_dir **by_wd;
	size_t n_by_wd;
	struct watch_file *files; /* by path */
	struct watch_link *links; /* by path */
	uint64_t seq, shape_seq;
	/* The latest events, also of files that nobody had asked for. */
	struct {
		unsigned hash; /* of the path */
		uint64_t moment;
	} recent[N_RECENT];
	size_t n_recent; /* grows for ever */
	uint64_t moment; /* grows with each event, and when somebody asks for it */
	uint64_t unsure; /* what happened up to this moment may be missing above */
	bool closing;
};

/* ---- links ---- */

static struct watch_link *find_link(const struct watch *w, const char *path)
{
	struct watch_link *l;
	HASH_FIND_STR(w->links, path, l);
	return l;
}

static void add_link(struct watch *w, const char *path)
{
	if (!find_link(w, path)) {
		struct watch_link *l = xalloc(sizeof *l);
		l->path = xstrdup(path);
		HASH_ADD_KEYPTR(hh, w->links, l->path, strlen(l->path), l);
	}
}

static void drop_link(struct watch *w, struct watch_link *l)
{
	HASH_DEL(w->links, l);
	free(l->path);
	free(l);
}

/* An entry that is not a folder came or went: whether a link is or was there. */
static bool follow_link(struct watch *w, const char *path, uint32_t mask)
{
	struct stat st;
	struct watch_link *known = find_link(w, path);
	bool is_link = (mask & APPEARED) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	if (is_link) {
		add_link(w, path);
	} else if (known) {
		drop_link(w, known);
	}
	return is_link || known;
}

/* ---- folders ---- */

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static struct watch_dir *find_dir(const struct watch *w, const char *path)
{
	struct watch_dir *d;
	HASH_FIND_STR(w->dirs, path, d);
	return d;
}

static void link_wd(struct watch *w, struct watch_dir *d)
{
	size_t at = (size_t)d->wd;
	if (at >= w->n_by_wd) {
		size_t n = at + 64;
		w->by_wd = xrealloc(w->by_wd, n * sizeof *w->by_wd);
		memset(w->by_wd + w->n_by_wd, 0, (n - w->n_by_wd) * sizeof *w->by_wd);
		w->n_by_wd = n;
	}
	d->same_wd = w->by_wd[at];
	w->by_wd[at] = d;
}

static void unlink_wd(struct watch *w, struct watch_dir *d)
{
	struct watch_dir **at = &w->by_wd[d->wd];
	while (*at != d) {
		at = &(*at)->same_wd;
	}
	*at = d->same_wd;
	if (!w->by_wd[d->wd]) {
		inotify_rm_watch(w->fd, d->wd);
	}
}

static void dir_free(struct watch *w, struct watch_dir *d)
{
	unlink_wd(w, d);
	HASH_DEL(w->dirs, d);
	free(d->path);
	free(d);
}

/* What is to be known of a folder; each includes those before it. */
enum scope {
	SCOPE_ENTRIES,
	SCOPE_FILES,
	SCOPE_TREE
};

/* Watches one folder. 0, or the errno. */
static int dir_watch(struct watch *w, const char *path, enum scope scope)
{
	struct watch_dir *d = find_dir(w, path);
	bool tree = scope == SCOPE_TREE;
	/* Another path may watch the same folder for more: nothing is taken away. */
	uint32_t mask = ENTRIES | IN_MASK_ADD | (scope > SCOPE_ENTRIES ? WRITES : 0);
	int wd = inotify_add_watch(w->fd, path, mask);
	if (wd < 0) {
		return errno;
	}
	uint64_t since = scope > SCOPE_ENTRIES ? w->moment : UINT64_MAX;
	if (d && d->wd == wd) {
		d->tree |= tree;
		d->written_since = since < d->written_since ? since : d->written_since;
		return 0;
	}
	if (d) {
		tree |= d->tree;
		dir_free(w, d); /* another folder stands there now */
	}
	if (HASH_COUNT(w->dirs) >= MAX_DIRS) {
		return ENOSPC;
	}
	d = xalloc(sizeof *d);
	d->path = xstrdup(path);
	d->wd = wd;
	d->tree = tree;
	d->written_since = since;
	HASH_ADD_KEYPTR(hh, w->dirs, d->path, strlen(d->path), d);
	link_wd(w, d);
	return 0;
}

static bool is_left_out(const char *name)
{
	static const char *const names[] = { "node_modules", "__pycache__", "cdk.out", "venv" };
	if (name[0] == '.') {
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* DT_DIR, DT_LNK or another, also where the file system does not say. */
static unsigned type_of(const char *path, const struct dirent *entry)
{
	struct stat st;
	if (entry->d_type != DT_UNKNOWN) {
		return entry->d_type;
	}
	return lstat(path, &st) == 0 ? IFTODT(st.st_mode) : DT_UNKNOWN;
}

/* Packages of a workspace, and all of pnpm's, are links in folders like this one. */
static void note_links(struct watch *w, const char *dir)
{
	DIR *stream = strstr(dir, "/node_modules") ? opendir(dir) : NULL;
	for (struct dirent *e = stream ? readdir(stream) : NULL; e; e = readdir(stream)) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, e->d_name);
		if (type_of(path, e) == DT_LNK) {
			add_link(w, path);
		}
	}
	if (stream) {
		closedir(stream);
	}
}

/* Watches dir, then what is in it: so nothing can appear unseen in between. 0 or the errno of dir. */
static int walk(struct watch *w, const char *dir)
{
	int rc = dir_watch(w, dir, SCOPE_TREE);
	DIR *stream = rc == 0 ? opendir(dir) : NULL;
	if (!stream) {
		return rc;
	}
	for (struct dirent *e = readdir(stream); e; e = readdir(stream)) {
		if (is_left_out(e->d_name)) {
			continue;
		}
		AUTO_FREE char *path = xasprintf("%s/%s", dir, e->d_name);
		unsigned type = type_of(path, e);
		if (type == DT_DIR) {
			rc = walk(w, path);
			rc = rc == ENOSPC ? rc : 0; /* vanished meanwhile: its event comes */
		} else if (type == DT_LNK) {
			add_link(w, path);
		}
		if (rc != 0) {
			break;
		}
	}
	closedir(stream);
	return rc;
}

/* Watches the folder of a file, and those above it, so that a move of any of them is seen. What does not
 * exist is seen coming by the nearest that does. Of those above only the entries matter: others may write
 * there without end (in /tmp, for one). */
static void watch_above(struct watch *w, const char *file, enum scope scope)
{
	AUTO_FREE char *path = xstrdup(file);
	for (char *slash = strrchr(path, '/'); slash && slash != path; slash = strrchr(path, '/')) {
		*slash = '\0';
		const struct watch_dir *d = find_dir(w, path);
		if (d && d->tree) {
			return; /* the tree's own folders are watched already */
		}
		if (!d || scope > SCOPE_ENTRIES) {
			dir_watch(w, path, scope);
		}
		if (!d) {
			note_links(w, path);
		}
		scope = SCOPE_ENTRIES;
	}
}

/* ---- events ---- */

static void touch(struct watch *w, struct watch_file *f)
{
	f->seq = ++w->seq;
}

static void move_shape(struct watch *w)
{
	w->shape_seq = ++w->seq;
}

/* A folder came, went or moved: old watches below it are void, files below count as changed. */
static void on_folder(struct watch *w, const struct watch_dir *parent, const char *path,
	const char *name, uint32_t mask)
{
	bool tree = parent->tree && !is_left_out(name);
	struct watch_dir *d, *next;
	if (mask & VANISHED) {
		HASH_ITER (hh, w->dirs, d, next) {
			if (is_below(d->path, path)) {
				dir_free(w, d);
			}
		}
		struct watch_link *l, *lnext;
		HASH_ITER (hh, w->links, l, lnext) {
			if (is_below(l->path, path)) {
				drop_link(w, l);
			}
		}
	}
	if ((mask & APPEARED) && tree) {
		walk(w, path);
	}
	bool asked = false;
	struct watch_file *f, *fnext;
	HASH_ITER (hh, w->files, f, fnext) {
		if (is_below(f->path, path)) {
			asked = true;
			watch_above(w, f->path, SCOPE_FILES);
			touch(w, f);
		}
	}
	if (tree || asked) {
		move_shape(w);
	}
}

static void on_file(struct watch *w, struct watch_file *f, uint32_t mask)
{
	if (mask & IN_MODIFY) {
		f->open = true;
		f->open_ns = clock_mono_ns(&clock_system);
	} else if (mask & IN_CLOSE_WRITE) {
		if (!f->open) {
			return; /* opened for writing, not written */
		}
		f->open = false;
	} else if (mask & IN_CREATE) {
		/* A new file is about to be written by whoever made it; links are complete. */
		struct stat st;
		f->open = lstat(f->path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
		f->open_ns = clock_mono_ns(&clock_system);
	} else {
		f->open = false;
	}
	touch(w, f);
}

static unsigned hash_of(const char *path)
{
	unsigned hash;
	HASH_VALUE(path, strlen(path), hash);
	return hash;
}

static void remember(struct watch *w, const char *path)
{
	size_t at = w->n_recent++ % N_RECENT;
	if (w->recent[at].moment > w->unsure) {
		w->unsure = w->recent[at].moment;
	}
	w->recent[at].hash = hash_of(path);
	w->recent[at].moment = w->moment;
}

static bool is_source_name(const char *name)
{
	static const char *const extensions[] = { "ts", "tsx", "mts", "cts", "js", "jsx", "mjs",
		"cjs", "json", "py", "node", "wasm", "go", "rs", "toml", "yaml", "yml" };
	size_t len = strlen(name);
	if (name[0] == '.' || name[0] == '#' || name[len - 1] == '~' ||
		strspn(name, "0123456789") == len) {
		return false; /* editors' passing files */
	}
	const char *dot = strrchr(name, '.');
	if (!dot) {
		return true; /* a link to a folder, for one */
	}
	for (size_t i = 0; i < COUNT_OF(extensions); i++) {
		if (strcmp(dot + 1, extensions[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* A folder that is asked for as if it were a file changes with its entries, but for the hidden. */
static void on_folder_entry(struct watch *w, const struct watch_dir *dir, const char *name)
{
	struct watch_file *f;
	HASH_FIND_STR(w->files, dir->path, f);
	if (f && name[0] != '.') {
		touch(w, f);
	}
}

static void on_entry(struct watch *w, const struct watch_dir *dir, const char *name, uint32_t mask)
{
	char path[PATH_MAX_BYTES];
	int n = snprintf(path, sizeof path, "%s/%s", dir->path, name);
	if (n < 0 || (size_t)n >= sizeof path) {
		return;
	}
	struct watch_file *f;
	remember(w, path);
	HASH_FIND(hh, w->files, path, (unsigned)n, f);
	if (mask & IN_ISDIR) {
		if (mask & (APPEARED | VANISHED)) {
			on_folder(w, dir, path, name, mask);
		}
	} else if (f) {
		on_file(w, f, mask);
	} else if (mask & (APPEARED | VANISHED)) {
		bool link = follow_link(w, path, mask);
		if (link || (dir->tree && is_source_name(name))) {
			move_shape(w);
		}
		on_folder_entry(w, dir, name);
	}
}

static void on_overflow(struct watch *w)
{
	log_info("watch", "the kernel dropped events: looking at everything again");
	w->unsure = w->moment;
	struct watch_dir *d, *next;
	HASH_ITER (hh, w->dirs, d, next) {
		if (d->tree) {
			AUTO_FREE char *path = xstrdup(d->path);
			walk(w, path);
		}
	}
	struct watch_file *f, *fnext;
	HASH_ITER (hh, w->files, f, fnext) {
		watch_above(w, f->path, SCOPE_FILES);
		touch(w, f);
		f->open = false;
	}
	move_shape(w);
}

/* The folder behind a descriptor is gone. */
static void on_ignored(struct watch *w, int wd)
{
	while ((size_t)wd < w->n_by_wd && w->by_wd[wd]) {
		dir_free(w, w->by_wd[wd]);
	}
}

static void on_event(struct watch *w, const struct inotify_event *e)
{
	w->moment++;
	if (e->mask & IN_Q_OVERFLOW) {
		on_overflow(w);
	} else if (e->mask & IN_IGNORED) {
		on_ignored(w, e->wd);
	} else if (e->len > 0 && (size_t)e->wd < w->n_by_wd) {
		/* The chain may lose links while it is walked: only what an entry event may free is
		 * below the entry, never the folder itself. */
		for (struct watch_dir *d = w->by_wd[e->wd]; d; d = d->same_wd) {
			on_entry(w, d, e->name, e->mask);
		}
	}
}

void watch_drain(struct watch *w)
{
	static _Alignas(struct inotify_event) char events[64 * 1024];
	uint64_t before = w->seq;
	/* What comes from now on is for the next drain: a file that is written without end must not hold
	 * this one. */
	int pending = 0;
	if (ioctl(w->fd, FIONREAD, &pending) != 0) {
		return;
	}
	while (pending > 0) {
		ssize_t n = read(w->fd, events, sizeof events);
		if (n <= 0) {
			break;
		}
		pending -= (int)n;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(events + at);
			at += (ssize_t)(sizeof *e + e->len);
			on_event(w, e);
		}
	}
	if (w->seq != before) {
		w->config.on_change(w->config.ctx);
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)events;
	struct watch *w = poll->data;
	if (status == 0 && !w->closing) {
		watch_drain(w);
	}
}

/* ---- what users ask ---- */

static int limit_error(struct err *err, int errnum, const char *dir)
{
	if (errnum == ENOSPC) {
		return err_set(err, ERR_LIMIT,
			"cannot watch '%s': the system's limit of file watches is reached; raise "
			"it with "
			"sysctl fs.inotify.max_user_watches=524288",
			dir);
	}
	return err_errno(err, errnum, "cannot watch '%s'", dir);
}

struct watch *watch_open(const struct watch_config *config, struct err *err)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0) {
		int errnum = errno;
		err_errno(err, errnum, "cannot watch files (sysctl fs.inotify.max_user_instances)");
		return NULL;
	}
	struct watch *w = xalloc(sizeof *w);
	w->config = *config;
	w->fd = fd;
	w->seq = 1;
	ENSURE(uv_poll_init(config->loop, &w->poll, fd) == 0);
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
	return w;
}

static void on_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	close(w->fd);
	struct watch_dir *d, *next;
	HASH_ITER (hh, w->dirs, d, next) {
		HASH_DEL(w->dirs, d);
		free(d->path);
		free(d);
	}
	struct watch_link *l, *lnext;
	HASH_ITER (hh, w->links, l, lnext) {
		drop_link(w, l);
	}
	ENSURE(w->files == NULL);
	free(w->by_wd);
	free(w);
}

void watch_close(struct watch *w)
{
	if (!w->closing) {
		w->closing = true;
		uv_close((uv_handle_t *)&w->poll, on_closed);
	}
}

int watch_tree(struct watch *w, const char *dir, struct err *err)
{
	int rc = walk(w, dir);
	if (rc != 0) {
		return limit_error(err, rc, dir);
	}
	watch_above(w, dir, SCOPE_ENTRIES);
	return 0;
}

struct watch_file *watch_add(struct watch *w, const char *path)
{
	struct watch_file *f;
	HASH_FIND_STR(w->files, path, f);
	if (!f) {
		f = xalloc(sizeof *f);
		f->path = xstrdup(path);
		f->watch = w;
		HASH_ADD_KEYPTR(hh, w->files, f->path, strlen(f->path), f);
		watch_above(w, path, SCOPE_FILES);
	}
	f->users++;
	return f;
}

void watch_drop(struct watch_file *f)
{
	if (--f->users == 0) {
		HASH_DEL(f->watch->files, f);
		free(f->path);
		free(f);
	}
}

const char *watch_path(const struct watch_file *f)
{
	return f->path;
}

uint64_t watch_seq(const struct watch *w)
{
	return w->seq;
}

uint64_t watch_file_seq(const struct watch_file *f)
{
	return f->seq;
}

uint64_t watch_shape_seq(const struct watch *w)
{
	return w->shape_seq;
}

uint64_t watch_moment(struct watch *w)
{
	return ++w->moment;
}

bool watch_file_rested(const struct watch_file *f, uint64_t moment)
{
	const struct watch *w = f->watch;
	AUTO_FREE char *folder = xstrdup(f->path);
	*strrchr(folder, '/') = '\0';
	const struct watch_dir *d = find_dir(w, folder);
	if (!d || d->written_since >= moment || w->unsure > moment) {
		return false;
	}
	unsigned hash = hash_of(f->path);
	for (size_t i = 0; i < N_RECENT; i++) {
		if (w->recent[i].hash == hash && w->recent[i].moment > moment) {
			return false;
		}
	}
	return true;
}

bool watch_file_open(const struct watch_file *f)
{
	return f->open && clock_mono_ns(&clock_system) - f->open_ns < OPEN_LIMIT_NS;
}

#include "land/links.h"

void links_init(struct links *links) { mutex_init(&links->lock); }

void links_fini(struct links *links) { mutex_fini(&links->lock); }

void links_note(struct links *links, const struct stat *st)
{
	mutex_lock(&links->lock);
	links->kept[st->st_ino % LINKS_KEPT] = (struct link){ st->st_dev, st->st_ino, st->st_ctim };
	mutex_unlock(&links->lock);
}

bool links_know(struct links *links, const struct stat *st)
{
	mutex_lock(&links->lock);
	struct link kept = links->kept[st->st_ino % LINKS_KEPT];
	mutex_unlock(&links->lock);
	return kept.ino == st->st_ino && kept.dev == st->st_dev &&
	       kept.changed.tv_sec == st->st_ctim.tv_sec &&
	       kept.changed.tv_nsec == st->st_ctim.tv_nsec;
}

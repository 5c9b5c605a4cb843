#include "land/links.h"

void links_init(struct links *links)
{
	mutex_init(&links->lock);
	cond_init(&links->ended);
}

void links_fini(struct links *links)
{
	cond_fini(&links->ended);
	mutex_fini(&links->lock);
}

void links_begin(struct links *links, const struct stat *st)
{
	mutex_lock(&links->lock);
	links->losing = true;
	links->losing_dev = st->st_dev;
	links->losing_ino = st->st_ino;
	mutex_unlock(&links->lock);
}

void links_end(struct links *links, const struct stat *now)
{
	mutex_lock(&links->lock);
	if (now)
		links->kept[now->st_ino % LINKS_KEPT] =
			(struct link){ now->st_dev, now->st_ino, now->st_ctim };
	links->losing = false;
	cond_wake_all(&links->ended);
	mutex_unlock(&links->lock);
}

bool links_know(struct links *links, const struct stat *st)
{
	mutex_lock(&links->lock);
	while (links->losing && links->losing_ino == st->st_ino && links->losing_dev == st->st_dev)
		cond_wait(&links->ended, &links->lock);
	struct link kept = links->kept[st->st_ino % LINKS_KEPT];
	mutex_unlock(&links->lock);
	return kept.ino == st->st_ino && kept.dev == st->st_dev &&
	       kept.changed.tv_sec == st->st_ctim.tv_sec &&
	       kept.changed.tv_nsec == st->st_ctim.tv_nsec;
}

#include "queue/core/kill.h"

#ifdef BARGE_KILL_POINTS

#include "queue/core/thread.h"

#include <stdatomic.h>
#include <unistd.h>

/* What BARGE_KILL says: read once, at the first passage through any point. */
static struct {
	pthread_once_t once;
	char name[64]; /* empty: no point kills */
	atomic_ulong passages_left;
} wish = { .once = PTHREAD_ONCE_INIT };

/* BARGE_KILL=name or name:n; anything else is no wish. */
static void read_wish(void)
{
	const char *text = getenv("BARGE_KILL");
	if (!text)
		return;
	size_t length = strcspn(text, ":");
	unsigned long passages = 1;
	if (text[length] == ':')
		passages = strtoul(text + length + 1, NULL, 10);
	if (length >= sizeof wish.name || passages == 0)
		return;
	atomic_init(&wish.passages_left, passages);
	memcpy(wish.name, text, length);
}

void kill_point(const char *name)
{
	must(pthread_once(&wish.once, read_wish));
	if (wish.name[0] == '\0' || strcmp(name, wish.name) != 0)
		return;
	/* Passages behind the last wrap the counter around, to numbers no test counts down from. */
	if (atomic_fetch_sub_explicit(&wish.passages_left, 1, memory_order_relaxed) != 1)
		return;
	kill(getpid(), SIGKILL);
	/* The signal takes a moment; this thread must not run on meanwhile. */
	for (;;)
		pause();
}

#endif

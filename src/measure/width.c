#include "measure/width.h"

enum {
	SAMPLE_US = 100000, /* at least, */
	SAMPLE_ENDS = 2,    /* and so many requests for each of those in flight; */
	FIRST_US = 50000,   /* the first one is shorter: */
	FIRST_ENDS = 1,
	ROUGH_US = 800000, /* as long as looks differ much, a sample goes on, up to so long, */
	FIRST_ROUGH_US = 150000,
	FULL_PERCENT = 80, /* of the width, to be a sample of it */
	PAUSE = 4,         /* samples between probes, at first, */
	PAUSE_FAR = 32,    /* where fewer are known to lose as much as they are fewer, */
	PAUSE_MAX = 64,    /* and at most */
	REST = 16,         /* after requests were turned away */
	REFUSED = 20,      /* one in so many is too many */
};

static const double grows = 1.05, leaps = 1.4, widens = 1.04, keeps = 0.97, falls = 0.67,
		    plunge = 0.5, rough = 0.06;

void width_begin(struct width *width, unsigned first, unsigned least, unsigned most)
{
	*width = (struct width){
		.now = first < least  ? least
		       : first > most ? most
				      : first,
		.least = least,
		.most = most,
		.pause = PAUSE,
		.settling = true,
	};
}

static void begin_sample(struct width *width, const struct width_look *look)
{
	width->begun = width->last = *look;
	width->busy = width->looks = 0;
	width->speeds = width->squares = 0;
}

/* Goes to another width: what is under way is not of it. */
static void set(struct width *width, unsigned wanted)
{
	const unsigned before = width->now;
	width->now = wanted < width->least  ? width->least
		     : wanted > width->most ? width->most
					    : wanted;
	width->settling |= width->now != before;
}

/* Goes on in peace for `left` samples. */
static void be_steady(struct width *width, unsigned left)
{
	width->state = WIDTH_STEADY;
	width->left = left;
}

/* What there is now is kept, and more are tried: four times as many where the last ones have hardly
 * had the others wait. */
static void go_wider(struct width *width, double speed)
{
	const bool far = width->speed > 0 && speed >= width->speed * leaps;
	width->speed = speed;
	width->home = width->now;
	set(width, (far ? 4 : 2) * width->now);
	if (width->now > width->home)
		return;
	width->pause = far ? PAUSE_FAR : width->pause;
	be_steady(width, width->pause);
}

static void grow(struct width *width, double speed)
{
	if (speed >= width->speed * grows) {
		go_wider(width, speed);
		return;
	}
	if (width->now > 2 * width->home) { /* that was four times as many */
		set(width, 2 * width->home);
		return;
	}
	set(width, width->home);
	be_steady(width, width->pause);
}

/* The width to try next, which is that of now where there is none in this direction. */
static unsigned next_width(const struct width *width)
{
	const unsigned third = width->now / 3, half = width->now / 2;
	if (width->down)
		return width->now == width->least ? width->now : width->now - (third ? third : 1);
	return width->now == width->most ? width->now : width->now + (half ? half : 1);
}

/* Tries another width, by turns more and fewer. */
static void probe(struct width *width)
{
	width->home = width->now;
	if (next_width(width) == width->now)
		width->down = !width->down;
	set(width, next_width(width));
	if (width->now == width->home)
		be_steady(width, width->pause);
	else
		width->state = WIDTH_PROBE;
}

static void steady(struct width *width, double speed)
{
	/* The one after this is all of what it is like now. */
	if (speed < width->speed * falls) {
		width->down = true;
		width->left = 1;
	}
	width->speed = speed;
	if (width->left > 0)
		width->left--;
	else
		probe(width);
}

/* The probe is over, and so is a sample behind it: what of the two is kept? */
static void check(struct width *width, double speed)
{
	const unsigned tried = width->tried;
	const double best = speed > width->speed ? speed : width->speed;
	const bool wider = tried > width->home;
	const bool better = width->probed >= best * (wider ? widens : keeps);
	width->down = better ? !wider : wider;
	width->pause = better ? PAUSE : (unsigned)min_u64(PAUSE_MAX, 2 * (uint64_t)width->pause);
	width->speed = better ? width->probed : speed;
	be_steady(width, better && !wider ? 0 : width->pause);
	if (!better)
		return;
	width->home = tried;
	set(width, wider ? 2 * tried : tried);
	if (wider && width->now > tried)
		width->state = WIDTH_GROW;
}

static void learn(struct width *width, double speed)
{
	switch (width->state) {
	case WIDTH_GROW:
		grow(width, speed);
		break;
	case WIDTH_STEADY:
		steady(width, speed);
		break;
	case WIDTH_PROBE:
		width->probed = speed;
		width->tried = width->now;
		set(width, width->home);
		width->state = WIDTH_CHECK;
		break;
	case WIDTH_CHECK:
		check(width, speed);
		break;
	}
}

/* Too little was in flight to tell: a wider one is of no use. */
static void learn_nothing(struct width *width)
{
	if (width->state != WIDTH_STEADY && width->home)
		set(width, width->home);
	be_steady(width, width->pause);
}

static void narrow(struct width *width)
{
	const bool tries = width->state != WIDTH_STEADY && width->home;
	if (tries && width->home < width->now)
		set(width, width->home); /* where nobody was turned away */
	else
		set(width, width->now - (width->now + 3) / 4);
	width->settling = true; /* others of those under way will be turned away, too */
	width->down = false;
	be_steady(width, REST);
}

/* Bytes a microsecond. */
static double speed_between(const struct width_look *begun, const struct width_look *look)
{
	return (double)(look->work - begun->work) / (double)(look->us - begun->us);
}

static double speed_since(const struct width *width, const struct width_look *look)
{
	return speed_between(&width->begun, look);
}

static void add_look(struct width *width, const struct width_look *look)
{
	const double speed = speed_between(&width->last, look);
	width->last = *look;
	width->busy += look->busy;
	width->looks++;
	width->speeds += speed;
	width->squares += speed * speed;
}

/* Whether the mean of the looks is not known well enough: its standard error is too large. */
static bool is_rough(const struct width *width)
{
	const double looks = (double)width->looks, mean = width->speeds / looks;
	if (width->looks < 2)
		return true;
	const double variance = (width->squares - looks * mean * mean) / (looks - 1);
	return variance > rough * rough * mean * mean * looks;
}

static bool is_sample(const struct width *width, const struct width_look *look)
{
	const uint64_t us = look->us - width->begun.us, ended = look->ended - width->begun.ended;
	const bool first = width->home == 0;
	return us >= (first ? FIRST_US : SAMPLE_US) &&
	       ended >= (first ? FIRST_ENDS : SAMPLE_ENDS) * (uint64_t)width->now &&
	       (us >= (first ? FIRST_ROUGH_US : ROUGH_US) || !is_rough(width));
}

/* Whether more than the last time is so much worse that a whole sample of it is not waited for. */
static bool plunges(const struct width *width, const struct width_look *look)
{
	const uint64_t us = look->us - width->begun.us;
	return width->state == WIDTH_GROW && width->home && us > 2 * width->sample_us &&
	       speed_since(width, look) < width->speed * plunge;
}

/* Whether it is much quicker: what was begun at the last width ends while as much that is new does,
 * so where many wait as long as few do the speed of the new width shows at once. */
static bool leaps_ahead(const struct width *width, const struct width_look *look)
{
	return width->state == WIDTH_GROW && width->home &&
	       look->busy * 100 >= width->now * FULL_PERCENT &&
	       speed_since(width, look) >= width->speed * leaps;
}

/* As many have ended as there are. */
static void settled(struct width *width, const struct width_look *look)
{
	width->settling = false;
	if (leaps_ahead(width, look)) {
		width->sample_us = look->us - width->begun.us;
		go_wider(width, speed_since(width, look));
	}
	begin_sample(width, look);
}

unsigned width_look_at(struct width *width, const struct width_look *look)
{
	const uint64_t ended = look->ended - width->begun.ended;
	const uint64_t refused = look->refused - width->begun.refused;
	if (!width->begun.us) {
		begin_sample(width, look);
		return width->now;
	}
	if (plunges(width, look)) {
		grow(width, 0);
		begin_sample(width, look);
		return width->now;
	}
	if (width->settling) {
		if (ended >= width->now)
			settled(width, look);
		return width->now;
	}
	add_look(width, look);
	if (refused * REFUSED > ended) {
		narrow(width);
		begin_sample(width, look);
		return width->now;
	}
	if (!is_sample(width, look))
		return width->now;
	width->sample_us = look->us - width->begun.us;
	if (width->busy * 100 < width->looks * width->now * FULL_PERCENT)
		learn_nothing(width);
	else
		learn(width, speed_since(width, look));
	begin_sample(width, look);
	return width->now;
}

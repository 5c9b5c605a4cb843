#include "annex/jobs.h"

#include "annex/reply.h"

void jobs_init(struct jobs *jobs, const struct annex_options *options, struct wire *wire)
{
	memset(jobs, 0, sizeof *jobs);
	jobs->options = options;
	jobs->wire = wire;
	mutex_init(&jobs->mutex);
	cond_init(&jobs->work);
}

/* Text from malloc that may be a secret. */
static void free_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* Nobody else knows it any more. */
static void free_job(struct annex_job *job) UNCHECKED
{
	free(job->pending);
	free(job->line);
	free(job->name);
	free_text(job->answer);
	cond_fini(&job->answered);
	free(job);
}

void jobs_fini(struct jobs *jobs)
{
	jobs->stop = true;
	mutex_lock(&jobs->mutex);
	jobs->ending = true;
	cond_wake_all(&jobs->work);
	for (size_t i = 0; i < jobs->count; i++)
		cond_wake_all(&jobs->job[i]->answered);
	unsigned threads = jobs->threads; /* only the reader, who is here, starts more */
	mutex_unlock(&jobs->mutex);
	for (unsigned i = 0; i < threads; i++)
		thread_join(&jobs->thread[i]);
	mutex_lock(&jobs->mutex);
	for (size_t i = 0; i < jobs->count; i++)
		free_job(jobs->job[i]);
	mutex_unlock(&jobs->mutex);
	cond_fini(&jobs->work);
	mutex_fini(&jobs->mutex);
}

/* ---- the reader ---- */

static struct annex_job *find(struct jobs *jobs, uint64_t number) REQUIRES(jobs->mutex)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->job[i]->number == number)
			return jobs->job[i];
	return NULL;
}

/* Finds a job that has nothing to do, or makes it. */
static struct annex_job *idle_job(struct jobs *jobs, uint64_t number, struct err *err)
	REQUIRES(jobs->mutex)
{
	struct annex_job *job = find(jobs, number);
	if (job && !job->busy)
		return job;
	if (job) {
		err_set(err, FAULT_CORRUPT, "a request for job %llu, which still has one",
			(unsigned long long)number);
		return NULL;
	}
	if (jobs->count == JOBS_MAX) {
		err_set(err, FAULT_TOO_LARGE, "more than %d jobs", JOBS_MAX);
		return NULL;
	}
	job = calloc(1, sizeof *job);
	if (!job) {
		err_set(err, FAULT_NOMEM, "no memory for a job");
		return NULL;
	}
	job->jobs = jobs;
	job->number = number;
	cond_init(&job->answered);
	jobs->job[jobs->count++] = job;
	return job;
}

/* Takes the job that waits longest; NULL: the end. */
static struct annex_job *take(struct jobs *jobs)
{
	mutex_lock(&jobs->mutex);
	jobs->idle++;
	while (!jobs->first && !jobs->ending)
		cond_wait(&jobs->work, &jobs->mutex);
	jobs->idle--;
	struct annex_job *job = jobs->ending ? NULL : jobs->first;
	if (job)
		jobs->first = job->next;
	mutex_unlock(&jobs->mutex);
	return job;
}

static void thread_of_jobs(void *context)
{
	struct jobs *jobs = context;
	struct annex_job *job;
	while ((job = take(jobs)))
		reply_run(job);
}

/* Appends a job to those that wait.  Returns whether a thread more is wanted for it. */
static bool append(struct jobs *jobs, struct annex_job *job) REQUIRES(jobs->mutex)
{
	unsigned waiting = 1;
	for (const struct annex_job *other = jobs->first; other; other = other->next)
		waiting++;
	job->next = NULL;
	if (jobs->first)
		jobs->last->next = job;
	else
		jobs->first = job;
	jobs->last = job;
	cond_wake_one(&jobs->work);
	return jobs->idle < waiting && jobs->threads < jobs->options->threads &&
	       jobs->threads < JOBS_THREADS_MAX;
}

enum fault jobs_begin(struct jobs *jobs, uint64_t number, const struct annex_kind *kind, char *line,
		      char *const parameter[3], struct err *err)
{
	mutex_lock(&jobs->mutex);
	struct annex_job *job = idle_job(jobs, number, err);
	bool starts = false, works = job;
	if (job) {
		job->kind = kind;
		job->line = line;
		memcpy(job->parameter, parameter, sizeof job->parameter);
		job->name = job->pending;
		job->pending = NULL;
		job->progress_ms = 0;
		job->busy = true;
		starts = append(jobs, job);
		if (starts &&
		    thread_start(&jobs->thread[jobs->threads], "annex", thread_of_jobs, jobs))
			jobs->threads++;
		works = jobs->threads > 0;
	} else {
		free(line);
	}
	mutex_unlock(&jobs->mutex);
	if (!job)
		return err->fault;
	return works ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no thread can be started");
}

enum fault jobs_name(struct jobs *jobs, uint64_t number, const char *name, struct err *err)
{
	mutex_lock(&jobs->mutex);
	struct annex_job *job = idle_job(jobs, number, err);
	mutex_unlock(&jobs->mutex);
	if (!job)
		return err->fault;
	free(job->pending);
	job->pending = strdup(name);
	return job->pending ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a name");
}

enum fault jobs_answer(struct jobs *jobs, uint64_t number, const char *answer, struct err *err)
{
	char *copy = strdup(answer);
	mutex_lock(&jobs->mutex);
	struct annex_job *job = find(jobs, number);
	bool wanted = job && job->asking;
	if (wanted && copy) {
		job->asking = false;
		job->answer = copy;
		cond_wake_all(&job->answered);
	}
	mutex_unlock(&jobs->mutex);
	if (wanted && copy)
		return FAULT_NONE;
	free_text(copy);
	return wanted ? err_set(err, FAULT_NOMEM, "no memory for an answer")
		      : err_set(err, FAULT_CORRUPT, "an answer to what job %llu did not ask",
				(unsigned long long)number);
}

/* ---- the thread of a job ---- */

void jobs_ask(struct annex_job *job)
{
	struct jobs *jobs = job->jobs;
	mutex_lock(&jobs->mutex);
	job->asking = true;
	mutex_unlock(&jobs->mutex);
}

char *jobs_await(struct annex_job *job)
{
	struct jobs *jobs = job->jobs;
	mutex_lock(&jobs->mutex);
	while (!job->answer && !jobs->ending)
		cond_wait(&job->answered, &jobs->mutex);
	char *answer = job->answer;
	job->answer = NULL;
	job->asking = false;
	mutex_unlock(&jobs->mutex);
	return answer;
}

void jobs_end(struct annex_job *job)
{
	struct jobs *jobs = job->jobs;
	free(job->line);
	free(job->name);
	job->line = NULL;
	job->name = NULL;
	mutex_lock(&jobs->mutex);
	job->busy = false;
	mutex_unlock(&jobs->mutex);
}

/*
 * A store of chunks in memory that keeps a diary, and the file that is retrieved into: what tests
 * of src/chunk look at.
 */
#pragma once

#include "chunk/chunk.h"
#include "queue/core/thread.h"
#include "tests/unit/facts.h"

enum { SIZE = 5500, CHUNK = 1000, COUNT = 6, OBJECTS = 64, DIARY = 4096 };

struct object {
	char name[128];
	unsigned char *data;
	size_t size;
};

struct chunk_store_fake {
	struct mutex lock;
	struct object object[OBJECTS];
	size_t count;
	char log[1024];
	char diary[DIARY]; /* "?6" asked for chunk 6, "+6" stored, "<6" read, "-6" removed, "L" log
			      read, "W" log written; chunk 0: the key itself */
	unsigned char source[SIZE + 500];
	unsigned char file[2 * SIZE];
	uint64_t file_size;
	uint64_t progress[256];
	size_t progress_count;
	uint64_t unknown, refuses, tears, fails_write; /* chunk + 1 that does so; 0: none */
	uint64_t stutters; /* chunk + 1 of which wrong bytes come first, and then all of it anew */
	uint64_t stopped;  /* chunk + 1 whose reading is ended from outside, late */
	bool blind;        /* nothing tells what is right of the file that is there */
	unsigned busy, most_busy;
};

extern struct chunk_store_fake store;

/* What the log says once the file is stored in chunks of 1,000 bytes. */
extern const char chunks_logged[];

/* For setup and teardown of each fact. */
int chunks_begin(void **state);
int chunks_end(void **state);

/* Returns a run over the fake. */
struct chunk_run chunks_run(const char *chunk, const char *key, unsigned width);

/* Compares the diary, and forgets it. */
void chunks_diary(const char *wanted);

/* Stores the file of 5,500 bytes. */
enum fault chunks_put(const char *chunk, unsigned width);

/* The same in chunks of 1,000, well, and forgets the diary and what was heard. */
void chunks_put_all(void);

/* Loses a chunk of 1,000 bytes; 0: the file stored whole. */
void chunks_lose(uint64_t number);

#define FACT(name) cmocka_unit_test_setup_teardown(name, chunks_begin, chunks_end)

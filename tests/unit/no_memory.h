/*
 * Memory that is refused: a program linked with this has calloc and reallocarray of its own.
 *
 * Threads    each has its own count.
 */
#pragma once

/* Has the call number `nth` that this thread makes from now on, from 1, be refused; 0: none. */
void no_memory_at(unsigned nth);

#include "queue/file/frame.h"
#include "queue/file/outcomes_format.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum fault outcomes_peek(const char *path, unsigned char job_id[16], struct err *err)
{
	unsigned char bytes[OUTCOMES_HEADER_SIZE];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_IO, errno,
			      "cannot open '%.120s'", path);
	enum fault fault = file_read_at(fd, 0, bytes, sizeof bytes, err);
	close(fd);
	for (unsigned i = 0; i < 2 && !fault; i++) {
		struct outcomes_header header;
		if (outcomes_header_decode(bytes + (size_t)i * OUTCOMES_COPY_SIZE, i, &header) ==
		    OUTCOMES_COPY_BAD)
			continue;
		memcpy(job_id, header.job_id, sizeof header.job_id);
		return FAULT_NONE;
	}
	return fault ? fault
		     : err_set(err, FAULT_CORRUPT, "'%.120s' is no outcomes file, or damaged",
			       path);
}

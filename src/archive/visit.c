#include "archive/visit.h"

void visit_end(struct visit *visit)
{
	archive_fini(&visit->archive);
	grid_path_fini(&visit->to);
	session_fini(&visit->session);
}

enum fault visit_begin(const struct connection_options *connection, struct output *output,
		       const char *word, struct visit *visit, struct err *err)
{
	*visit = (struct visit){ 0 };
	if (grid_path_resolve(connection, word, &visit->to, err))
		return err->fault;
	enum fault fault = session_open(connection, output, &visit->session, err);
	if (!fault)
		fault = archive_open(&visit->to, &visit->session.tries, &visit->archive, err);
	if (fault)
		visit_end(visit);
	return fault;
}

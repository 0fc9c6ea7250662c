/* One program: the command line, and, by the name it is started under, the four processes of the server. */
#include <signal.h>

#include "child.h"
#include "cli.h"

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 1)
		return 64;
	switch (child_by_name(argv[0])) {
	case CHILD_FRONT:
		return child_front(argc, argv);
	case CHILD_KEEPER:
		return child_keeper(argc, argv);
	case CHILD_MAIL:
		return child_mail(argc, argv);
	case CHILD_COURIER:
		return child_courier(argc, argv);
	default:
		return cli_main(argc - 1, argv + 1);
	}
}

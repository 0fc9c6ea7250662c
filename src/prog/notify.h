/* One line to the service manager that started us (sd_notify(3)), if there is one. */
#ifndef PLI_NOTIFY_H
#define PLI_NOTIFY_H

/* "READY=1", "STOPPING=1".  Does nothing without $NOTIFY_SOCKET; never fails, never blocks. */
void notify_manager(const char *line);

#endif

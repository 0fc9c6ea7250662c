/* Calls that have no place in this house; force-included into every file of src/. */
#ifndef PLI_BANNED_H
#define PLI_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The C library may have them as macros. */
#undef alloca
#undef sprintf
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets gmtime localtime ctime asctime
#pragma GCC poison mktemp tempnam tmpnam popen strncpy strncat alloca

/* These are also harmless names in headers of libraries: only the call is refused. */
#define BANNED(name) call_of_##name##_is_banned_here
#define rand(...) BANNED(rand)
#define srand(...) BANNED(srand)
#define random(...) BANNED(random)
#define system(...) BANNED(system)

#endif

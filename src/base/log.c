/* log.c: formats a line for the caller's hook. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void vlm_log_line(const vlm_log *log, vlm_log_level level, const char *fmt, ...)
{
    if (!log || !log->write)
        return;
    char line[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n >= 0)
        log->write(log->ctx, level, line);
}

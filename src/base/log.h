/* log.h: one formatted line to the caller's hook, or nowhere. */
#ifndef VLM_BASE_LOG_H
#define VLM_BASE_LOG_H

#include "base/status.h"

void vlm_log_line(const vlm_log *log, vlm_log_level level, const char *fmt, ...) VLM_PRINTF(3, 4);

#endif

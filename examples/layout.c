/* layout.c: prints the layouts that vlm.py writes down, as this compiler lays them out. */
#include <stddef.h>
#include <stdio.h>

#include <vlm.h>

#define FIELD(s, f) printf(" " #f "=%d", (int)offsetof(s, f))

int main(void)
{
    printf("vlm_error %d", (int)sizeof(vlm_error));
    FIELD(vlm_error, status);
    FIELD(vlm_error, os_errno);
    FIELD(vlm_error, message);
    printf("\nvlm_part %d", (int)sizeof(vlm_part));
    FIELD(vlm_part, kind);
    FIELD(vlm_part, text);
    FIELD(vlm_part, n_text);
    FIELD(vlm_part, image);
    FIELD(vlm_part, video);
    printf("\nvlm_message %d", (int)sizeof(vlm_message));
    FIELD(vlm_message, role);
    FIELD(vlm_message, parts);
    FIELD(vlm_message, n_parts);
    FIELD(vlm_message, prefix);
    printf("\nvlm_token %d", (int)sizeof(vlm_token));
    FIELD(vlm_token, id);
    FIELD(vlm_token, text);
    FIELD(vlm_token, n_text);
    FIELD(vlm_token, logprob);
    FIELD(vlm_token, top);
    FIELD(vlm_token, n_top);
    printf("\nvlm_session_options -");
    FIELD(vlm_session_options, size);
    FIELD(vlm_session_options, context);
    FIELD(vlm_session_options, max_tokens);
    putchar('\n');
    return 0;
}

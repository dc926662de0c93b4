/* chars.c: Unicode classes as the reference has them, and GPT-2's printable bytes.
 *
 * tokenizers 0.23.3 splits by regex with the tables of Unicode 16 and finds digits with those of
 * Unicode 17; utf8proc 2.8 (Debian 12) has Unicode 15.  What was assigned in between is listed
 * here. tests/unit/test_token.c compares every code point with the reference. */
#include <utf8proc.h>

#include "token/internal.h"

/* Letters and numbers (DIGIT: to Digits only) that utf8proc 2.8 does not know, in order. */
static const struct {
    uint32_t first, last;
    enum { LETTER, NUMBER, DIGIT } what;
} newer[] = {
    {0x1C89, 0x1C8A, LETTER},   {0xA7CB, 0xA7CD, LETTER},   {0xA7DA, 0xA7DC, LETTER},
    {0x105C0, 0x105F3, LETTER}, {0x10D40, 0x10D49, NUMBER}, {0x10D4A, 0x10D65, LETTER},
    {0x10D6F, 0x10D85, LETTER}, {0x10EC2, 0x10EC4, LETTER}, {0x11380, 0x11389, LETTER},
    {0x1138B, 0x1138B, LETTER}, {0x1138E, 0x1138E, LETTER}, {0x11390, 0x113B5, LETTER},
    {0x113B7, 0x113B7, LETTER}, {0x113D1, 0x113D1, LETTER}, {0x113D3, 0x113D3, LETTER},
    {0x116D0, 0x116E3, NUMBER}, {0x11BC0, 0x11BE0, LETTER}, {0x11BF0, 0x11BF9, NUMBER},
    {0x11DE0, 0x11DE9, DIGIT},  {0x13460, 0x143FA, LETTER}, {0x16100, 0x1611D, LETTER},
    {0x16130, 0x16139, NUMBER}, {0x16D40, 0x16D6C, LETTER}, {0x16D70, 0x16D79, NUMBER},
    {0x16FF4, 0x16FF6, DIGIT},  {0x18CFF, 0x18CFF, LETTER}, {0x1CCF0, 0x1CCF9, NUMBER},
    {0x1E5D0, 0x1E5ED, LETTER}, {0x1E5F0, 0x1E5F0, LETTER}, {0x1E5F1, 0x1E5FA, NUMBER},
    {0x2EBF0, 0x2EE5D, LETTER},
};

/* What newer[] says of a code point, or -1. */
static int find_newer(uint32_t cp)
{
    size_t low = 0, high = sizeof newer / sizeof newer[0];
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > newer[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < sizeof newer / sizeof newer[0] && cp >= newer[low].first ? (int)newer[low].what
                                                                          : -1;
}

enum vlm_token_class vlm_token_class_of(uint32_t cp)
{
    if (cp < 0x80) {
        if ((cp | 0x20) - 'a' < 26)
            return VLM_TOKEN_LETTER;
        if (cp - '0' < 10)
            return VLM_TOKEN_NUMBER;
        return cp == ' ' || cp - '\t' < 5 ? VLM_TOKEN_SPACE : VLM_TOKEN_OTHER;
    }
    int category = utf8proc_category((utf8proc_int32_t)cp);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
        return VLM_TOKEN_LETTER;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return VLM_TOKEN_NUMBER;
    if (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP)
        return VLM_TOKEN_SPACE;
    if (cp == 0x85)
        return VLM_TOKEN_SPACE;
    if (category == UTF8PROC_CATEGORY_CN) {
        int what = find_newer(cp);
        return what == LETTER   ? VLM_TOKEN_LETTER
               : what == NUMBER ? VLM_TOKEN_NUMBER
                                : VLM_TOKEN_OTHER;
    }
    return VLM_TOKEN_OTHER;
}

bool vlm_token_is_numeric(uint32_t cp)
{
    return vlm_token_class_of(cp) == VLM_TOKEN_NUMBER || (cp >= 0x80 && find_newer(cp) == DIGIT);
}

bool vlm_token_is_word(uint32_t cp)
{
    int category = utf8proc_category((utf8proc_int32_t)cp);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) ||
           category == UTF8PROC_CATEGORY_PC || cp == 0x200C || cp == 0x200D ||
           (cp >= 0x24B6 && cp <= 0x24E9); /* joiners, circled letters */
}

/* Bytes 33-126, 161-172 and 174-255 stand for themselves; the other 68, in order, are U+0100... */
uint32_t vlm_token_char_of_byte(unsigned char b)
{
    if (b < 33)
        return 0x100u + b;
    if (b >= 127 && b <= 160)
        return 0x100u + 33 + (b - 127u);
    return b == 173 ? 0x100u + 67 : b;
}

int vlm_token_byte_of_char(uint32_t cp)
{
    if (cp < 0x100)
        return vlm_token_char_of_byte((unsigned char)cp) == cp ? (int)cp : -1;
    cp -= 0x100;
    if (cp < 33)
        return (int)cp;
    if (cp < 67)
        return (int)cp - 33 + 127;
    return cp == 67 ? 173 : -1;
}

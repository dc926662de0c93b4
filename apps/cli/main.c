/* main.c: parse, dispatch. */
#include "options.h"
#include "signals.h"

int main(int argc, char **argv)
{
    struct cli_options o;
    cli_signals_init();
    int status = cli_options_parse(&o, argc, argv);
    return status >= 0 ? status : o.verb->run(&o);
}

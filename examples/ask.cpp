// ask.cpp: ask.c in C++11: what is opened closes itself, errors are exceptions.
//
//     c++ -std=c++11 ask.cpp $(pkg-config --cflags --libs vlm) -o ask_cpp
//     ./ask_cpp MODEL receipt.jpg "What is the total?"
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <vlm.h>

namespace {

struct Close {
    void operator()(vlm_engine *x) const { vlm_engine_close(x); }
    void operator()(vlm_image *x) const { vlm_image_close(x); }
    void operator()(vlm_session *x) const { vlm_session_close(x); }
};
template <class T> using Owned = std::unique_ptr<T, Close>;

// Calls open(&x, ..., &err) and owns what it gave.
template <class T, class... Formal, class... Actual>
Owned<T> open(int (*function)(T **, Formal...), Actual... arguments)
{
    T *x = nullptr;
    vlm_error err = vlm_error();
    if (function(&x, arguments..., &err) < 0)
        throw std::runtime_error(err.message);
    return Owned<T>(x);
}

std::string ask(vlm_engine *engine, const vlm_image *image, const std::string &question)
{
    vlm_session_options options;
    vlm_session_options_init(&options);
    options.max_tokens = 200;
    const Owned<vlm_session> session = open(vlm_session_open, engine, &options);
    const vlm_part parts[2] = {vlm_part_image(image), vlm_part_text(question.c_str())};
    const vlm_message message = {"user", parts, 2, 0};
    vlm_error err = vlm_error();
    vlm_token token;
    std::string answer;
    int rc = vlm_session_sync(session.get(), &message, 1, &err);
    while (rc == VLM_OK && (rc = vlm_session_next(session.get(), &token, &err)) == VLM_OK)
        answer.append(token.text, token.n_text);
    if (rc < 0)
        throw std::runtime_error(err.message);
    return answer;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 4) {
        std::cerr << "usage: " << argv[0] << " MODEL PICTURE QUESTION\n";
        return 2;
    }
    try {
        const Owned<vlm_engine> engine =
            open(vlm_engine_open, argv[1], static_cast<const vlm_engine_options *>(nullptr));
        const Owned<vlm_image> image = open(vlm_image_open, engine.get(), argv[2]);
        std::cout << ask(engine.get(), image.get(), argv[3]) << '\n';
    } catch (const std::exception &e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
    return 0;
}

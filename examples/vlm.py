"""vlm.py: the shared library from Python's standard library alone.
    python3 vlm.py libvlm.so MODEL receipt.jpg "What is the total?"
    python3 vlm.py --layout       the layouts written down here; the tests compare them with the C compiler's"""
import sys
from ctypes import CDLL, POINTER, Structure, byref, c_char, c_char_p, c_float, c_int, c_int32, c_size_t, c_void_p, sizeof


class vlm_error(Structure):
    _fields_ = [("status", c_int), ("os_errno", c_int), ("message", c_char * 256)]


class vlm_part(Structure):
    _fields_ = [("kind", c_int), ("text", c_char_p), ("n_text", c_size_t), ("image", c_void_p), ("video", c_void_p)]


class vlm_message(Structure):
    _fields_ = [("role", c_char_p), ("parts", POINTER(vlm_part)), ("n_parts", c_size_t), ("prefix", c_int)]


class vlm_token(Structure):
    _fields_ = [("id", c_int32), ("text", c_void_p), ("n_text", c_size_t), ("logprob", c_float), ("top", c_void_p), ("n_top", c_size_t)]


class vlm_session_options(Structure):  # its beginning; init writes the rest into room, and its true size into size
    _fields_ = [("size", c_size_t), ("context", c_size_t), ("max_tokens", c_size_t), ("room", c_char * 4072)]


def check(rc, err):
    if rc < 0:
        raise RuntimeError(err.message.decode())
    return rc


def ask(library, model, picture, question, max_tokens=200):
    vlm, err, options, token = CDLL(library), vlm_error(), vlm_session_options(), vlm_token()
    vlm.vlm_part_text.restype = vlm.vlm_part_image.restype = vlm_part
    engine, image, session = c_void_p(), c_void_p(), c_void_p()
    answer, asked = b"", question.encode()  # kept: the part borrows it
    try:
        check(vlm.vlm_engine_open(byref(engine), model.encode(), None, byref(err)), err)
        check(vlm.vlm_image_open(byref(image), engine, picture.encode(), byref(err)), err)
        vlm.vlm_session_options_init(byref(options))
        assert sizeof(options) >= options.size  # else init wrote beyond it
        options.max_tokens = max_tokens
        check(vlm.vlm_session_open(byref(session), engine, byref(options), byref(err)), err)
        parts = (vlm_part * 2)(vlm.vlm_part_image(image), vlm.vlm_part_text(asked))
        check(vlm.vlm_session_sync(session, byref(vlm_message(b"user", parts, 2, 0)), c_size_t(1), byref(err)), err)
        while check(vlm.vlm_session_next(session, byref(token), byref(err)), err) == 0:  # VLM_OK
            answer += (c_char * token.n_text).from_address(token.text).raw if token.n_text else b""
    finally:
        vlm.vlm_session_close(session), vlm.vlm_image_close(image), vlm.vlm_engine_close(engine)
    return answer.decode()


if __name__ == "__main__" and sys.argv[1:] == ["--layout"]:
    for s in (vlm_error, vlm_part, vlm_message, vlm_token, vlm_session_options):
        known = [f[0] for f in s._fields_ if f[0] != "room"]
        print(s.__name__, "-" if s is vlm_session_options else sizeof(s), *(f"{f}={getattr(s, f).offset}" for f in known))
elif __name__ == "__main__":
    print(ask(*sys.argv[1:5]))

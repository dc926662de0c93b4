"""ops.c from PyTorch: attention and what is between products, fp32 on a CPU, with backward passes.  Where the work is
not done here (a GPU, bf16, not built) model.py uses PyTorch's own, but for `settle`, which training always needs.  Import this before torch: the library also speeds up its products."""
import ctypes as C
import os


def open_library():
    """$POCKET_OPS, or build/libpocketops.so if it exists (build_ops.sh)"""
    path = os.environ.get("POCKET_OPS", "build/libpocketops.so")
    return C.CDLL(os.path.abspath(path), C.RTLD_GLOBAL) if os.path.exists(path) else None


LIBRARY = open_library()
import torch  # noqa: E402


class Point(C.Structure):
    _fields_ = [("head", C.c_int64), ("at", C.c_void_p), ("share", C.c_void_p), ("dshare", C.c_void_p)]


class Job(C.Structure):
    _fields_ = [(n, C.c_int64) for n in ("heads", "hd", "n_groups", "n_points", "threads")] + [
        (n, C.c_void_p) for n in ("groups", "points", "sees", "q", "ka", "va", "kb", "vb", "o", "lse", "dout", "dq", "dka", "dva",
                                  "dkb", "dvb")] + [("back", C.c_int64)]


def used(dtype, device):
    """whether ops.c does the work"""
    return LIBRARY is not None and dtype == torch.float32 and torch.device(device).type == "cpu"


def usable(x):
    return used(x.dtype, x.device)


def pointer(t):
    return C.c_void_p(t.data_ptr())


def address(t):
    return None if t is None else t.data_ptr()


def call(heads, groups, sees, points, back, **arrays):
    job = Job()
    job.heads, job.n_groups, job.n_points, job.threads, job.back = heads, len(groups), len(points), torch.get_num_threads(), back
    job.hd = arrays["q"].shape[-1] // heads
    job.groups, job.sees, job.points = address(groups), address(sees), C.addressof(points) if len(points) else None
    for name, t in arrays.items():
        assert t is None or t.is_contiguous()
        setattr(job, name, address(t))
    if LIBRARY.attend(C.byref(job)):
        raise MemoryError("attend")


class Attention(torch.autograd.Function):
    """q [M,d], ka, va [A,d], kb, vb [N,d], all contiguous; groups [n,6] int64 (q_row, nq, a_row, na, b_row, nb), sees [M] int32;
    heads of d; points: (head, [M] int32 places in a group's rows of A, -1: none) -> o [M,d], shares [M] ..."""

    @staticmethod
    def forward(ctx, q, ka, va, kb, vb, groups, sees, heads, points):
        q, ka, va, kb, vb = (x if x is None else x.contiguous() for x in (q, ka, va, kb, vb))
        o, lse = torch.empty_like(q), q.new_empty(len(q), heads)
        shares = [q.new_ones(len(q)) for _ in points]
        rows = (Point * len(points))(*[Point(h, at.data_ptr(), s.data_ptr(), None) for (h, at), s in zip(points, shares)])
        call(heads, groups, sees, rows, 0, q=q, ka=ka, va=va, kb=kb, vb=vb, o=o, lse=lse)
        ctx.save_for_backward(q, ka, va, kb, vb, o, lse)
        ctx.rest = groups, sees, heads, points
        return (o, *shares)

    @staticmethod
    def backward(ctx, dout, *dshares):
        q, ka, va, kb, vb, o, lse = ctx.saved_tensors
        groups, sees, heads, points = ctx.rest
        dq = torch.empty_like(q)
        dka, dva, dkb, dvb = (None if x is None else torch.zeros_like(x) for x in (ka, va, kb, vb))
        dout, dshares = dout.contiguous(), [torch.zeros(len(q)) if d is None else d.contiguous() for d in dshares]
        rows = (Point * len(points))(*[Point(h, at.data_ptr(), None, d.data_ptr()) for (h, at), d in zip(points, dshares)])
        call(heads, groups, sees, rows, 1, q=q, ka=ka, va=va, kb=kb, vb=vb, o=o, lse=lse, dout=dout, dq=dq, dka=dka, dva=dva,
             dkb=dkb, dvb=dvb)
        return dq, dka, dva, dkb, dvb, None, None, None, None


def settle(said, cells, options, keep, grid):
    """said [B,K,2,classes] log-probabilities, cells [B,K,2], options [B,L,6], keep [B,K] of data.batch -> the letter (2 cell + slot) that stands
    in each place [B,2K] (-1: none), and the cell of each letter [B,2K]"""
    if LIBRARY is None:
        raise SystemExit("no library: tools/pocket/build_ops.sh, or POCKET_OPS=FILE")
    B, K, _, classes = said.shape
    said, cells, options, keep = (x.cpu().contiguous() for x in (said, cells, options, keep))
    who, stands = torch.full((B, 2 * K), -1), (torch.arange(2 * K) // 2).repeat(B, 1)
    count = (options[..., 0] >= 0).sum(1).tolist()
    for i in range(B):
        LIBRARY.settle(pointer(said[i]), pointer(cells[i]), pointer(options[i]), pointer(keep[i]), C.c_int64(classes), C.c_int64(grid),
                       C.c_int64(count[i]), pointer(who[i]), pointer(stands[i]))
    return who, stands


def first_rows(count):
    """of runs of `count` rows, one behind the other"""
    return count.cumsum(0) - count


def plain(count):
    """groups of pictures of `count` [B] rows that see all of themselves"""
    at, none = first_rows(count), torch.zeros_like(count)
    return torch.stack([at, count, at, count, at, none], 1).contiguous()


def causal(count):
    """groups of runs of `count` [B] rows that see themselves and what is before them, and what each row sees"""
    at, none = first_rows(count), torch.zeros_like(count)
    sees = torch.arange(int(count.sum())) - at.repeat_interleave(count) + 1
    return torch.stack([at, count, at, none, at, count], 1).contiguous(), sees.int()


class Gelu(torch.autograd.Function):
    """GELU in its tanh form"""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        y = torch.empty_like(x)
        LIBRARY.gelu(pointer(x), pointer(y), C.c_int64(x.numel()))
        return y

    @staticmethod
    def backward(ctx, dy):
        x, dy = ctx.saved_tensors[0], dy.contiguous()
        dx = torch.empty_like(x)
        LIBRARY.gelu_back(pointer(x), pointer(dy), pointer(dx), C.c_int64(x.numel()))
        return dx


class Plan:
    """where the rows of B pictures' prefixes of `prefix` [B] rows and of their S conversations of at most T ids stand: `at` [M] of
    B*S*T (None: all), `wanted` [M'] of M (None: all)"""

    def __init__(self, B, S, T, prefix, at, wanted):
        self.shape, self.at, self.wanted = (B, S, T), torch.arange(B * S * T) if at is None else at, wanted
        self.prefix = causal(prefix)
        first = first_rows(prefix).repeat_interleave(S)
        prefix = prefix.repeat_interleave(S)
        row, turn = self.at // T, self.at % T
        count = torch.bincount(row, minlength=B * S)
        start = first_rows(count)
        sees = (turn + 1).int()

        def groups(count_q):
            g = torch.stack([first_rows(count_q), count_q, first, prefix, start, count], 1)
            return g[count_q > 0].contiguous()

        self.all = groups(count), sees
        if wanted is not None:
            self.asked = groups(torch.bincount(row[wanted], minlength=B * S)), sees[wanted]

    def pick(self, point, end):
        point = point.flatten()[self.at].int()
        return point[self.wanted] if end else point

    def spread(self, share, end):
        """shares of packed rows -> [B,S,T]"""
        B, S, T = self.shape
        return share.new_ones(B * S * T).index_copy(0, self.at[self.wanted] if end else self.at, share).view(B, S, T)


class Turn(torch.autograd.Function):
    """rotary positions: x [n,d], at [n] int32, cosine, sine [*, hd / 2]"""

    @staticmethod
    def run(x, at, cosine, sine, heads, sign):
        x, y = x.contiguous(), torch.empty_like(x, memory_format=torch.contiguous_format)
        LIBRARY.turn(pointer(x), pointer(y), pointer(at), pointer(cosine), pointer(sine), C.c_int64(len(x)), C.c_int64(heads),
                     C.c_int64(x.shape[1] // heads), C.c_float(sign))
        return y

    @staticmethod
    def forward(ctx, x, at, cosine, sine, heads):
        ctx.rest = at, cosine, sine, heads
        return Turn.run(x, *ctx.rest, 1.0)

    @staticmethod
    def backward(ctx, dy):
        return Turn.run(dy, *ctx.rest, -1.0), None, None, None, None


class SwiGlu(torch.autograd.Function):
    """silu(g) u"""

    @staticmethod
    def forward(ctx, g, u):
        ctx.save_for_backward(g, u)
        y = torch.empty_like(g)
        LIBRARY.swiglu(pointer(g), pointer(u), pointer(y), C.c_int64(g.numel()))
        return y

    @staticmethod
    def backward(ctx, dy):
        (g, u), dy = ctx.saved_tensors, dy.contiguous()
        dg, du = torch.empty_like(g), torch.empty_like(u)
        LIBRARY.swiglu_back(pointer(g), pointer(u), pointer(dy), pointer(dg), pointer(du), C.c_int64(g.numel()))
        return dg, du


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, eps):
        x = x.contiguous()
        y, inverse = torch.empty_like(x), x.new_empty(x.numel() // x.shape[-1])
        LIBRARY.rms_norm(pointer(x), pointer(w), pointer(y), pointer(inverse), C.c_int64(len(inverse)), C.c_int64(len(w)), C.c_float(eps))
        ctx.save_for_backward(x, w, inverse)
        return y

    @staticmethod
    def backward(ctx, dy):
        (x, w, inverse), dy = ctx.saved_tensors, dy.contiguous()
        dx, dw = torch.empty_like(x), torch.zeros_like(w)
        LIBRARY.rms_norm_back(pointer(x), pointer(w), pointer(inverse), pointer(dy), pointer(dx), pointer(dw), C.c_int64(len(inverse)),
                              C.c_int64(len(w)))
        return dx, dw, None

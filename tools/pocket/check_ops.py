"""Compares ops.c with PyTorch's own, values and gradients, on random data: check_ops.py (after build_ops.sh).  Exit status 1 when
anything differs by more than 1e-5 of its size, where AMX multiplies attention's bf16 factors by more than 1e-2 of it."""
import copy
import itertools
import ops
import torch
import torch.nn.functional as F
import model as M

LIMIT = 1e-5
ATTENTION_LIMIT = 1e-2 if ops.LIBRARY is not None and ops.LIBRARY.amx_ready() else LIMIT
bad = []


def compare(name, own, other, limit=ATTENTION_LIMIT):
    """two lists of tensors"""
    error = max(((a - b).norm() / b.norm().clamp(min=1e-9)).item() for a, b in zip(own, other))
    print(f"{name:34s} {error:.1e}{'' if error < limit else '  TOO MUCH'}")
    if not error < limit:
        bad.append(name)


def with_gradients(f, *inputs):
    inputs = [x.clone().requires_grad_() for x in inputs]
    out = f(*inputs)
    out = out if isinstance(out, tuple) else (out,)
    g = torch.Generator().manual_seed(2)
    sum((o * torch.randn(o.shape, generator=g)).sum() for o in out).backward()
    return [o.detach() for o in out] + [x.grad for x in inputs]


def likeliest(said, letters, options, at, grid):
    """what ops.c's settle is to find, by trying every way: the score of the best, and its places by letter"""
    best = (-1e30, None)
    for way in itertools.product(range(8), repeat=len(options)):
        score, last = 0.0, None
        for (me, _, *cells), k in zip(options, way):
            cell, slot = cells[k // 2], k % 2
            if cell < 0 or (last is None and slot):
                break
            if last is not None:
                before, taken = last
                if cell == before:
                    if taken or not slot:
                        break
                else:
                    right, same = at[cell] % grid - at[before] % grid, at[cell] // grid == at[before] // grid
                    if slot or right < (1 if same else 0):
                        break
                    score -= 0 if same else 12
            c, first, second = letters[me // 2][me % 2], said[cell][0], said[cell][1]
            score += float(second[c] - second[0] if slot else first[c] - first[0] + second[0])
            last = (cell, slot)
        else:
            if score > best[0]:
                best = (score, {me: cells[k // 2] for (me, _, *cells), k in zip(options, way)})
    return best[1]


def check_settle():
    g, grid, n = torch.Generator().manual_seed(5), 4, 4
    for i in range(40):
        said = F.log_softmax(torch.randn(1, grid * grid, 2, 6, generator=g) * 2, -1)
        home = (torch.randint(0, 3, (1,), generator=g) + torch.arange(n) // 2).tolist()  # two in a cell, from left to right
        letters = torch.zeros(1, grid * grid, 2, dtype=torch.long)
        options = torch.full((1, n + 1, 6), -1)
        for j, cell in enumerate(home):
            slot = int(j > 0 and home[j - 1] == cell)
            letters[0, cell, slot] = int(torch.randint(1, 6, (1,), generator=g))
            options[0, j] = torch.tensor([2 * cell + slot, 7, cell, min(cell + 1, 3), cell + grid, -1 if j % 2 else min(cell + 1, 3) + grid])
        keep = torch.arange(grid * grid)[None]
        want = likeliest(said[0], letters[0].tolist(), options[0, :n].tolist(), keep[0].tolist(), grid)
        who, stands = ops.settle(said, letters, options, keep, grid)
        got = {int(o[0]): int(stands[0, o[0]]) for o in options[0, :n]}
        if got != want or sorted(x for x in who[0].tolist() if x >= 0) != sorted(got):
            bad.append(f"settle {i}")
    print(f"{'settle, against every way':34s} {'different' if any(b.startswith('settle') for b in bad) else 'equal'}")


def main():
    if ops.LIBRARY is None:
        raise SystemExit("no library: tools/pocket/build_ops.sh, or POCKET_OPS=FILE")
    check_settle()
    torch.manual_seed(1)
    x, y, w = torch.randn(37, 192) * 3, torch.randn(37, 192), torch.randn(192)
    compare("gelu", with_gradients(ops.Gelu.apply, x), with_gradients(lambda x: F.gelu(x, approximate="tanh"), x), LIMIT)
    compare("swiglu", with_gradients(ops.SwiGlu.apply, x, y), with_gradients(lambda x, y: F.silu(x) * y, x, y), LIMIT)
    compare("rms norm", with_gradients(lambda x, w: ops.RmsNorm.apply(x, w, 1e-5), x, w),
            with_gradients(lambda x, w: F.rms_norm(x, (192,), w, 1e-5), x, w), LIMIT)
    # far ends, where e^x leaves floats
    x = torch.tensor([[-1e4, -200.0, -90.0, -10.0, 0.0, 10.0, 90.0, 1e4] * 2])
    compare("gelu, far ends", with_gradients(ops.Gelu.apply, x), with_gradients(lambda x: F.gelu(x, approximate="tanh"), x), LIMIT)

    for B, T, heads, hd in ((2, 8, 6, 32), (3, 57, 6, 32), (1, 576, 3, 64)):
        q, k, v = (torch.randn(B * T, heads * hd) for _ in range(3))
        for causal in (False, True):
            def own(q, k, v):
                if causal:
                    return ops.Attention.apply(q, None, None, k, v, *ops.causal(torch.full((B,), T)), heads, ())[0]
                return ops.Attention.apply(q, k, v, None, None, ops.plain(torch.full((B,), T)), None, heads, ())[0]

            def other(q, k, v):
                q, k, v = (x.view(B, T, heads, hd).transpose(1, 2) for x in (q, k, v))
                return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).reshape(B * T, heads * hd)

            compare(f"attention {B}x{T} {heads}x{hd}{' causal' if causal else ''}", with_gradients(own, q, k, v), with_gradients(other, q, k, v))

    # the decoder as a whole: conversations of any length behind pictures, and what single heads give single places
    c = M.SHAPES["p4m-256"]
    decoder = M.TextModel(c)
    B, S, T, K = 3, 4, 21, 30
    g = torch.Generator().manual_seed(3)
    ids = torch.randint(3, 250, (B, S, T), generator=g)
    for b in range(B):
        for s in range(S):
            ids[b, s, int(torch.randint(2, T + 1, (1,), generator=g)):] = 0
    ids[1, 2] = 0  # a conversation that is not there
    real = ids != 0
    asked = real & (torch.rand(ids.shape, generator=g) < 0.5)
    asked[0, 0, 0] = True
    where = torch.stack([torch.randperm(256, generator=g)[:K].sort().values for _ in range(B)])
    place = torch.where(asked, torch.randint(-1, K, ids.shape, generator=g), -1)
    begin = torch.minimum(torch.randint(-1, K, (B, K), generator=g), torch.arange(K))  # not behind
    visual, library = torch.randn(B, K, c["d"], generator=g), ops.LIBRARY
    for threads in (1, 2):
        torch.set_num_threads(threads)
        out = []
        for use in (library, None):
            ops.LIBRARY = use
            model = copy.deepcopy(decoder)
            v = visual.clone().requires_grad_()
            h, shares, states, inner = model(v, ids, where, 256, [(1, 2, place), (4, 0, place)], real, asked, (1, 2), [(0, 0, begin), (3, 1, begin)])
            seen = [s[place >= 0] for s in shares] + [s[(begin >= 0).flatten()] for s in inner]
            wave = lambda x: (x * torch.sin(torch.arange(x.numel()).float()).view_as(x)).sum()
            (wave(h) + sum(map(wave, states)) + sum((s * 5).log().sum() for s in seen)).backward()
            out.append([x.detach() for x in (h, v.grad, *states, *seen)] + [p.grad for p in model.parameters()])
        ops.LIBRARY = library
        compare(f"decoder, {threads} thread{'s' if threads > 1 else ''}", *out)
    # pictures of different numbers of patches and cells in one run, against each by itself
    model = M.Pocket(c)
    count, pixels = (30, 7, 18), torch.randint(0, 256, (B, 256, 256, 3), dtype=torch.uint8, generator=g)
    for b, n in enumerate(count):
        where[b, n:] = -1
    real[:, :, :2] = True  # no conversation is missing
    ids[real & (ids == 0)] = 5

    def answers(picture, where, ids, real):
        return model.text_model(model.see(picture, keep=where) + visual[:1, :1], ids, where, 256, (), real, real)[0]

    torch.nn.init.normal_(model.connector.proj.weight, std=0.05)
    own = answers(pixels, where, ids, real)
    ops.LIBRARY = None
    other = torch.cat([answers(pixels[b : b + 1], where[b : b + 1, :n], ids[b : b + 1], real[b : b + 1]) for b, n in enumerate(count)])
    ops.LIBRARY = library
    compare("tower and decoder, any number", [own.detach()], [other.detach()])
    if bad:
        raise SystemExit("differs: " + ", ".join(bad))


if __name__ == "__main__":
    main()

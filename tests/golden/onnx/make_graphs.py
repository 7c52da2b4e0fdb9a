#!/usr/bin/env python3
"""Small ONNX graphs of vision transformers with random weights, an image and the logits that PyTorch gives in double.
usage: make_graphs.py OUT_DIR   (Debian: python3-torch, python3-onnx)"""
import math, os, sys
import numpy as np, onnx, torch
from onnx import numpy_helper as nh, helper as oh
from torch import nn
import torch.nn.functional as F

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)


class Attention(nn.Module):
    def __init__(s, dim, heads, bias=True, separate=False, form='timm'):
        super().__init__()
        s.h, s.d, s.separate, s.form = heads, dim // heads, separate, form
        if separate: s.q, s.k, s.v = (nn.Linear(dim, dim, bias=bias) for _ in range(3))
        else: s.qkv = nn.Linear(dim, 3 * dim, bias=bias)
        s.proj = nn.Linear(dim, dim)

    def forward(s, x):
        B, N, C = x.shape
        if s.separate:
            q, k, v = (f(x).view(B, N, s.h, s.d).permute(0, 2, 1, 3) for f in (s.q, s.k, s.v))
        elif s.form == 'chunk':
            q, k, v = (t.reshape(B, N, s.h, s.d).transpose(1, 2) for t in s.qkv(x).chunk(3, dim=-1))
        elif s.form == 'per_head':
            q, k, v = s.qkv(x).reshape(B, N, s.h, 3, s.d).permute(3, 0, 2, 1, 4).unbind(0)
        elif s.form == 'odd_order':
            q, k, v = s.qkv(x).reshape(B, N, 3, s.d, s.h).permute(2, 0, 4, 1, 3).unbind(0)
        elif s.form == 'index':
            t = s.qkv(x).reshape(B, N, 3, s.h, s.d).permute(2, 0, 3, 1, 4)
            q, k, v = t[0], t[1], t[2]
        else:
            q, k, v = s.qkv(x).reshape(B, N, 3, s.h, s.d).permute(2, 0, 3, 1, 4).unbind(0)
        scale = s.d ** -0.5
        if s.form == 'taylor':
            k = k - k.mean(dim=-2, keepdim=True)
            g = k.transpose(-2, -1) @ v
            num = math.sqrt(s.d) * v.sum(dim=-2, keepdim=True) + q @ g
            den = N * math.sqrt(s.d) + q @ k.sum(dim=-2, keepdim=True).transpose(-2, -1)
            z = num / den
        elif s.form == 'taylor_elided':  # K^T V - (sum of K)^T mean(V), q scaled, V's mean in place of a division
            g = k.transpose(-2, -1) @ v - k.sum(dim=-2, keepdim=True).transpose(-2, -1) @ v.mean(dim=-2, keepdim=True)
            z = v.mean(dim=-2, keepdim=True) + (q * scale / N) @ g
        elif s.form == 'taylor_map':  # the map itself, N x N, with another scale
            x = q @ (k - k.mean(dim=-2, keepdim=True)).transpose(-2, -1) * 0.3
            z = ((1 + x) / (1 + x).sum(dim=-1, keepdim=True)) @ v
        elif s.form == 'taylor_einsum':  # heads behind the tokens
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))
            g = torch.einsum('bnhd,bnhe->bhde', k - k.mean(dim=1, keepdim=True), v)
            z = (v.mean(dim=1, keepdim=True) + torch.einsum('bnhd,bhde->bnhe', q, g) * (scale / N)).transpose(1, 2)
        elif s.form == 'linear':  # no softmax, and no Taylor attention: relu(x) + 1 as feature map
            q, k = torch.relu(q) + 1, torch.relu(k) + 1
            z = q @ (k.transpose(-2, -1) @ v) / (q @ k.sum(dim=-2, keepdim=True).transpose(-2, -1))
        else:
            if s.form == 'both': a = (q * scale ** 0.5) @ (k.transpose(-2, -1) * scale ** 0.5)
            elif s.form == 'scaled_q': a = (q * scale) @ k.transpose(-2, -1)
            elif s.form == 'odd_scale': a = (q @ k.transpose(-2, -1)) * 0.4
            else: a = (q @ k.transpose(-2, -1)) / math.sqrt(s.d) if s.separate else (q @ k.transpose(-2, -1)) * scale
            z = a.softmax(dim=-1 if s.form != 'wrong_axis' else -2) @ v
        return s.proj(z.transpose(1, 2).reshape(B, N, C))


class Act(nn.Module):
    def __init__(s, kind): super().__init__(); s.kind = kind
    def forward(s, x):
        if s.kind == 'tanh': return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))
        if s.kind == 'quick': return x * torch.sigmoid(1.702 * x)
        if s.kind == 'silu': return x * torch.sigmoid(x)
        if s.kind == 'relu': return F.relu(x)
        if s.kind == 'clipped': return F.gelu(torch.clamp(x, -12, 12))  # GELU where the values are small
        if s.kind == 'mish': return x * torch.tanh(F.softplus(x))
        return F.gelu(x)


class Block(nn.Module):
    def __init__(s, dim, heads, hidden, eps, act='erf', scale=False, **kw):
        super().__init__()
        s.norm1, s.norm2 = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        s.attn, s.fc1, s.fc2, s.act = Attention(dim, heads, **kw), nn.Linear(dim, hidden), nn.Linear(hidden, dim), Act(act)
        s.g1, s.g2 = (nn.Parameter(torch.rand(dim)), nn.Parameter(torch.rand(dim))) if scale else (None, None)
    def forward(s, x):
        a = s.attn(s.norm1(x))
        x = x + (a if s.g1 is None else a * s.g1)
        m = s.fc2(s.act(s.fc1(s.norm2(x))))
        return x + (m if s.g2 is None else m * s.g2)


class ViT(nn.Module):
    def __init__(s, size=8, patch=4, dim=12, heads=3, depth=2, classes=5, eps=1e-6, token=True, pool='cls', distilled=False, softmax=False, conv=True, **kw):
        super().__init__()
        s.patch_embed = nn.Conv2d(3, dim, patch, patch) if conv else nn.Linear(3 * patch * patch, dim)
        s.conv, s.p = conv, patch
        n = (size // patch) ** 2
        s.cls_token = nn.Parameter(torch.randn(1, 1, dim) * .5) if token else None
        s.dist_token = nn.Parameter(torch.randn(1, 1, dim) * .5) if distilled else None
        s.pos_embed = nn.Parameter(torch.randn(1, n + (1 if token else 0) + (1 if distilled else 0), dim) * .5)
        s.blocks = nn.ModuleList([Block(dim, heads, 2 * dim, eps, **kw) for _ in range(depth)])
        s.norm, s.head = nn.LayerNorm(dim, eps=eps), nn.Linear(dim, classes)
        s.head_dist = nn.Linear(dim, classes) if distilled else None
        s.pool, s.softmax = pool, softmax
        for m in s.modules():
            if isinstance(m, nn.LayerNorm): m.weight.data.uniform_(.5, 1.5); m.bias.data.uniform_(-.3, .3)
    def forward(s, x):
        if s.conv: x = s.patch_embed(x).flatten(2).transpose(1, 2)
        else:
            B, C, H, W = x.shape; p = s.p
            x = s.patch_embed(x.reshape(B, C, H // p, p, W // p, p).permute(0, 2, 4, 3, 5, 1).reshape(B, (H // p) * (W // p), p * p * C))
        front = [t.expand(x.shape[0], -1, -1) for t in (s.cls_token, s.dist_token) if t is not None]
        x = torch.cat(front + [x], 1) if front else x
        x = x + s.pos_embed
        for b in s.blocks: x = b(x)
        x = s.norm(x)
        if s.head_dist is not None and s.pool == 'both': return s.head(x[:, 0]), s.head_dist(x[:, 1])  # as in training
        if s.head_dist is not None: return (s.head(x[:, 0]) + s.head_dist(x[:, 1])) / 2
        y = s.head(x.mean(1) if s.pool == 'mean' else x[:, 0] if s.pool == 'cls' else x[:, 1:].mean(1))
        return y.softmax(-1) if s.softmax else y


class MHA(nn.Module):
    def __init__(s, dim=12, heads=3, classes=5):
        super().__init__()
        s.conv_proj = nn.Conv2d(3, dim, 4, 4)
        s.class_token, s.pos = nn.Parameter(torch.randn(1, 1, dim)), nn.Parameter(torch.randn(1, 5, dim))
        s.ln1, s.ln2, s.ln = (nn.LayerNorm(dim, eps=1e-6) for _ in range(3))
        s.att = nn.MultiheadAttention(dim, heads, batch_first=True)
        s.mlp = nn.Sequential(nn.Linear(dim, 24), nn.GELU(), nn.Dropout(0.1), nn.Linear(24, dim), nn.Dropout(0.1))
        s.head = nn.Linear(dim, classes)
        s.att.in_proj_bias.data.normal_(); s.att.out_proj.bias.data.normal_()
    def forward(s, x):
        x = s.conv_proj(x).reshape(x.shape[0], 12, 4).permute(0, 2, 1)
        x = torch.cat([s.class_token.expand(x.shape[0], -1, -1), x], 1) + s.pos
        y = s.ln1(x)
        x = s.att(y, y, y, need_weights=False)[0] + x
        x = x + s.mlp(s.ln2(x))
        return s.head(s.ln(x)[:, 0])


def bn(m):
    m.weight.data.uniform_(.5, 1.5); m.bias.data.normal_(0, .2); m.running_mean.normal_(0, .2); m.running_var.uniform_(.5, 1.5)
    return m
class LinBN(nn.Module):
    def __init__(s, a, b): super().__init__(); s.c, s.bn = nn.Linear(a, b, bias=False), bn(nn.BatchNorm1d(b))
    def forward(s, x): y = s.c(x); return s.bn(y.flatten(0, 1)).reshape_as(y)
class LeViTAttention(nn.Module):
    def __init__(s, dim, out, heads, d, r, grid, stride=1):
        super().__init__()
        s.h, s.d, s.dv, s.stride, s.grid = heads, d, r * d, stride, grid
        fused = stride == 1
        s.qkv = LinBN(dim, heads * (2 * d + r * d)) if fused else LinBN(dim, heads * (d + r * d))
        s.q = None if fused else LinBN(dim, heads * d)
        s.proj = LinBN(heads * r * d, out)
        q = [(y, x) for y in range(0, grid, stride) for x in range(0, grid, stride)]; k = [(y, x) for y in range(grid) for x in range(grid)]
        off, idx = {}, []
        for a in q:
            for b in k:
                o = (abs(a[0] - b[0]), abs(a[1] - b[1])); off.setdefault(o, len(off)); idx.append(off[o])
        s.table = nn.Parameter(torch.randn(heads, len(off))); s.register_buffer('idx', torch.tensor(idx).view(len(q), len(k)))
    def forward(s, x):
        B, N, C = x.shape
        if s.q is None:
            q, k, v = s.qkv(x).view(B, N, s.h, -1).split([s.d, s.d, s.dv], dim=3)
            q = q.permute(0, 2, 1, 3)
        else:
            k, v = s.qkv(x).view(B, N, s.h, -1).split([s.d, s.dv], dim=3)
            xs = x.view(B, s.grid, s.grid, C)[:, ::s.stride, ::s.stride].reshape(B, -1, C)
            q = s.q(xs).view(B, -1, s.h, s.d).permute(0, 2, 1, 3)
        a = (q @ k.permute(0, 2, 3, 1)) * s.d ** -0.5 + s.table[:, s.idx]
        z = (a.softmax(-1) @ v.permute(0, 2, 1, 3)).transpose(1, 2).reshape(B, -1, s.h * s.dv)
        return s.proj(F.hardswish(z))
class LeViT(nn.Module):
    def __init__(s, two=False):
        super().__init__()
        s.c1, s.b1, s.c2, s.b2 = nn.Conv2d(3, 8, 3, 2, 1, bias=False), bn(nn.BatchNorm2d(8)), nn.Conv2d(8, 12, 3, 2, 1, bias=False), bn(nn.BatchNorm2d(12))
        s.a1, s.m1a, s.m1b = LeViTAttention(12, 12, 2, 4, 2, 4), LinBN(12, 24), LinBN(24, 12)
        s.down = LeViTAttention(12, 16, 3, 4, 4, 4, 2)
        s.a2 = LeViTAttention(16, 16, 2, 4, 2, 2)
        s.hbn, s.head = bn(nn.BatchNorm1d(16)), nn.Linear(16, 5)
        s.dbn, s.dhead = (bn(nn.BatchNorm1d(16)), nn.Linear(16, 5)) if two else (None, None)
    def forward(s, x):
        x = s.b2(s.c2(F.hardswish(s.b1(s.c1(x))))).flatten(2).transpose(1, 2)
        x = x + s.a1(x)
        x = x + s.m1b(F.hardswish(s.m1a(x)))
        x = s.down(x)
        x = x + s.a2(x)
        x = x.mean(1)
        y = s.head(s.hbn(x))
        return y if s.dbn is None else (y + s.dhead(s.dbn(x))) / 2


class ConvBN(nn.Module):
    def __init__(s, a, b, k=1, st=1, g=1, act=True): super().__init__(); s.c, s.bn, s.act = nn.Conv2d(a, b, k, st, k // 2, groups=g, bias=False), bn(nn.BatchNorm2d(b)), act
    def forward(s, x): y = s.bn(s.c(x)); return F.silu(y) if s.act else y
class MobileViT(nn.Module):
    def __init__(s, pool='flatten', style='cvnets'):
        super().__init__()
        s.stem, s.exp, s.dw, s.red = ConvBN(3, 8, 3, 2), ConvBN(8, 16), ConvBN(16, 16, 3, 1, 16), ConvBN(16, 8, act=False)
        s.l3, s.l1 = ConvBN(8, 8, 3), nn.Conv2d(8, 12, 1, bias=False)
        s.blocks = nn.ModuleList([Block(12, 2, 24, 1e-5, act='silu') for _ in range(2)]); s.norm = nn.LayerNorm(12)
        s.proj, s.fuse, s.last, s.fc, s.pool, s.style = ConvBN(12, 8), ConvBN(16, 8, 3), ConvBN(8, 16), nn.Linear(16, 5), pool, style
    def forward(s, x):
        x = s.stem(x); x = x + s.red(s.dw(s.exp(x)))
        y = s.l1(s.l3(x)); B, C, H, W = y.shape; p = 2; nh, nw = H // p, W // p
        if s.style == 'timm':
            y = y.reshape(B * C * nh, p, nw, p).transpose(1, 2).reshape(B, C, nh * nw, p * p).transpose(1, 3).reshape(B * p * p, nh * nw, C)
        else:
            y = y.reshape(B * C * nh, p, nw, p).transpose(1, 2).reshape(B, C, nh * nw, p * p).transpose(1, 3).reshape(B * p * p, nh * nw, -1)
        for b in s.blocks: y = b(y)
        y = s.norm(y)
        y = y.contiguous().view(B, p * p, nh * nw, -1).transpose(1, 3).reshape(B * C * nh, nw, p, p).transpose(1, 2).reshape(B, C, H, W)
        x = s.fuse(torch.cat((x, s.proj(y)), 1))
        x = s.last(x)
        return s.fc(x.mean((2, 3)) if s.pool == 'mean' else F.adaptive_avg_pool2d(x, 1).flatten(1))


class Window(nn.Module):
    def __init__(s, dim=8):
        super().__init__(); s.pe, s.att, s.head, s.norm = nn.Conv2d(3, dim, 2, 2), Attention(dim, 2), nn.Linear(dim, 5), nn.LayerNorm(dim)
    def forward(s, x):
        x = s.pe(x).permute(0, 2, 3, 1); B, H, W, C = x.shape
        w = x.view(B, H // 2, 2, W // 2, 2, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, C)
        w = s.att(s.norm(w)).view(B, H // 2, W // 2, 2, 2, C).permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, C)
        return s.head((x + w).mean((1, 2)))


class SwinBlock(nn.Module):  # windows of w x w, moved by `shift`, with relative bias and, where they are moved, a mask
    def __init__(s, dim, heads, size, w, shift):
        super().__init__()
        s.h, s.size, s.w, s.shift = heads, size, w, shift
        s.norm1, s.norm2, s.qkv, s.proj = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        s.fc1, s.fc2 = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        s.table = nn.Parameter(torch.randn((2 * w - 1) ** 2, heads))
        at = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(w), indexing='ij')).flatten(1)
        d = at[:, :, None] - at[:, None, :] + w - 1
        s.register_buffer('index', d[0] * (2 * w - 1) + d[1])
        if shift:
            m = torch.zeros(1, size, size, 1); n = 0
            for a in (slice(0, -w), slice(-w, -shift), slice(-shift, None)):
                for b in (slice(0, -w), slice(-w, -shift), slice(-shift, None)): m[:, a, b] = n; n += 1
            m = s.cut(m).squeeze(-1)
            s.register_buffer('mask', (m[:, None] != m[:, :, None]).float() * -100)
    def cut(s, x): B, H, W, C = x.shape; w = s.w; return x.view(B, H // w, w, W // w, w, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, C)
    def forward(s, x):
        B, H, W, C = x.shape; n, w = (H // s.w) * (W // s.w), s.w; y = s.norm1(x)
        if s.shift: y = torch.roll(y, (-s.shift, -s.shift), (1, 2))
        q, k, v = s.qkv(s.cut(y)).reshape(-1, w * w, 3, s.h, C // s.h).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q * (C // s.h) ** -0.5) @ k.transpose(-2, -1) + s.table[s.index.view(-1)].view(w * w, w * w, -1).permute(2, 0, 1).unsqueeze(0)
        if s.shift: a = (a.view(B, n, s.h, w * w, w * w) + s.mask[None, :, None]).view(-1, s.h, w * w, w * w)
        y = s.proj((a.softmax(-1) @ v).transpose(1, 2).reshape(-1, w * w, C))
        y = y.view(B, H // w, W // w, w, w, C).permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, C)
        if s.shift: y = torch.roll(y, (s.shift, s.shift), (1, 2))
        x = x + y
        return x + s.fc2(F.gelu(s.fc1(s.norm2(x))))
class Swin(nn.Module):
    def __init__(s, dim=8):
        super().__init__()
        s.pe, s.norm0, s.merge, s.reduce, s.norm, s.head = nn.Conv2d(3, dim, 2, 2), nn.LayerNorm(dim), nn.LayerNorm(4 * dim), nn.Linear(4 * dim, 2 * dim, bias=False), nn.LayerNorm(2 * dim), nn.Linear(2 * dim, 5)
        s.blocks = nn.Sequential(SwinBlock(dim, 2, 6, 3, 0), SwinBlock(dim, 2, 6, 3, 1)); s.last = SwinBlock(2 * dim, 4, 3, 3, 0)
    def forward(s, x):
        x = s.blocks(s.norm0(s.pe(x).permute(0, 2, 3, 1)))
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return s.head(s.norm(s.last(s.reduce(s.merge(x)))).mean((1, 2)))


class Gated(nn.Module):  # a mean over windows, a gated product whose halves are one layer's (SwiGLU), then two layers'
    def __init__(s, dim=8):
        super().__init__()
        s.pe, s.fc, s.out, s.norm = nn.Conv2d(3, dim, 2, 2), nn.Linear(dim, 4 * dim), nn.Linear(2 * dim, dim), nn.LayerNorm(dim)
        s.a, s.b, s.head = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, 5)
    def forward(s, x):
        x = F.avg_pool2d(s.pe(x), 2).flatten(2).transpose(1, 2)
        gate, up = s.fc(s.norm(x)).chunk(2, -1)
        x = x + s.out(F.silu(gate) * up)
        return s.head((s.a(x) * F.gelu(s.b(x))).mean(1))


class ReluLinear(nn.Module):  # EfficientViT's: two scales side by side, ReLU(Q) (ReLU(K)^T V), the divisor as one more column of V
    def __init__(s, dim=8, d=4, eps=1e-15):
        super().__init__()
        s.eps = eps
        s.pe, s.qkv, s.agg, s.proj, s.head, s.d = nn.Conv2d(3, dim, 2, 2), nn.Conv2d(dim, 3 * dim, 1, bias=False), nn.Conv2d(3 * dim, 3 * dim, 3, 1, 1, groups=3 * dim, bias=False), nn.Conv2d(2 * dim, dim, 1), nn.Linear(dim, 5), d
    def forward(s, x):
        x = s.pe(x); y = s.qkv(x); y = torch.cat((y, s.agg(y)), 1); B, C, H, W = y.shape
        y = y.reshape(B, -1, 3 * s.d, H * W).transpose(-1, -2)
        q, k, v = F.relu(y[..., :s.d]), F.relu(y[..., s.d:2 * s.d]), F.pad(y[..., 2 * s.d:], (0, 1), value=1.)
        z = q @ (k.transpose(-1, -2) @ v)
        z = (z[..., :-1] / (z[..., -1:] + s.eps)).transpose(-1, -2).reshape(B, -1, H, W)
        return s.head((x + s.proj(z)).mean((2, 3)))


class Causal(nn.Module):  # queries do not see the keys behind them: -infinity added, or in place of their scores
    def __init__(s, form, dim=8, heads=2):
        super().__init__()
        s.pe, s.norm, s.qkv, s.proj, s.head, s.h, s.form = nn.Conv2d(3, dim, 2, 2), nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), nn.Linear(dim, 5), heads, form
        s.register_buffer('mask', torch.full((16, 16), float('-inf')).triu(1) if form == 'inf' else torch.ones(16, 16, dtype=torch.bool).triu(1))
    def forward(s, x):
        x = s.pe(x).flatten(2).transpose(1, 2); B, N, C = x.shape
        q, k, v = s.qkv(s.norm(x)).reshape(B, N, 3, s.h, C // s.h).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q * (C // s.h) ** -0.5) @ k.transpose(-2, -1)
        if s.form == 'inf': a = a + s.mask
        elif s.form == 'seen': a = torch.where(~s.mask, a, torch.tensor(-1e9, dtype=a.dtype))
        else: a = a.masked_fill(s.mask, float('-inf') if s.form == 'fill' else -3.)
        return s.head((x + s.proj((a.softmax(-1) @ v).transpose(1, 2).reshape(B, N, C))).mean(1))


class Reduced(nn.Module):  # PVT v2's: keys and values of a reduced grid
    def __init__(s, dim=8, heads=2):
        super().__init__()
        s.pe, s.q, s.kv, s.sr, s.norm, s.proj, s.head, s.h = nn.Conv2d(3, dim, 2, 2), nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Conv2d(dim, dim, 2, 2), nn.LayerNorm(dim), nn.Linear(dim, dim), nn.Linear(dim, 5), heads
    def forward(s, x):
        x = s.pe(x); B, C, H, W = x.shape; x = x.flatten(2).transpose(1, 2)
        r = s.norm(s.sr(x.transpose(1, 2).reshape(B, C, H, W)).reshape(B, C, -1).permute(0, 2, 1))
        q = s.q(x).reshape(B, -1, s.h, C // s.h).permute(0, 2, 1, 3)
        k, v = s.kv(r).reshape(B, -1, 2, s.h, C // s.h).permute(2, 0, 3, 1, 4)
        z = ((q @ k.transpose(-2, -1)) * (C // s.h) ** -0.5).softmax(-1) @ v
        return s.head((x + s.proj(z.transpose(1, 2).reshape(B, -1, C))).mean(1))


def save(name, m, opset=13, size=8, dynamic=False, fold=True):
    torch.manual_seed(sum(map(ord, name)))
    m = m() if callable(m) and not isinstance(m, nn.Module) else m
    m = m.eval(); x = torch.randn(1, 3, size, size)
    path = os.path.join(OUT, name + '.onnx')
    torch.onnx.export(m, x, path, opset_version=opset, input_names=['image'], output_names=['logits'], do_constant_folding=fold,
                      dynamic_axes={'image': {0: 'batch'}, 'logits': {0: 'batch'}} if dynamic else None, training=torch.onnx.TrainingMode.EVAL)
    with torch.no_grad(): y = m.double()(x.double())
    if isinstance(y, tuple): y = y[0]
    np.save(os.path.join(OUT, name + '.input.npy'), x.numpy()); np.save(os.path.join(OUT, name + '.output.npy'), y.numpy())
    return onnx.load(path)

def put(name, model, like):
    open(os.path.join(OUT, name + '.onnx'), 'wb').write(model.SerializeToString())
    for kind in ('input', 'output'): np.save(os.path.join(OUT, name + '.%s.npy' % kind), np.load(os.path.join(OUT, like + '.%s.npy' % kind)))

save('deit', lambda: ViT(), 13)
save('deit_op11', lambda: ViT(), 11)
save('deit_dynamic', lambda: ViT(), 14, dynamic=True, fold=False)
save('deit_op17', lambda: ViT(eps=1e-12), 17, dynamic=True)
for form in ('chunk', 'per_head', 'odd_order', 'index', 'both', 'scaled_q', 'odd_scale', 'taylor', 'taylor_elided', 'taylor_map', 'taylor_einsum', 'linear', 'wrong_axis'):
    save(('x_' if form in ('linear', 'wrong_axis') else '') + 'form_' + form, lambda: ViT(form=form, depth=1), 13)
save('taylor_separate', lambda: ViT(form='taylor_elided', depth=1, separate=True, bias=False), 14, dynamic=True, fold=False)
save('gap', lambda: ViT(token=False, pool='mean', act='tanh', separate=True, bias=False, eps=1e-5), 17, dynamic=True)
save('gap_patches', lambda: ViT(token=False, pool='mean', act='quick', conv=False, scale=True), 16)
save('tail_mean', lambda: ViT(pool='tail'), 13)
save('softmax', lambda: ViT(softmax=True), 13)
save('distilled', lambda: ViT(distilled=True), 13)
save('distilled_dynamic', lambda: ViT(distilled=True, depth=1), 14, dynamic=True, fold=False)
save('x_distilled_both', lambda: ViT(distilled=True, depth=1, pool='both'), 13)
def clipped():
    m = ViT(act='clipped', depth=1); m.blocks[0].fc1.weight.data *= 40
    return m
save('x_clipped_gelu', clipped, 13)
save('x_mish', lambda: ViT(act='mish'), 13)
save('relu', lambda: ViT(act='relu', depth=1), 12)
save('mha', lambda: MHA(), 13)
save('mha_dynamic', lambda: MHA(), 14, dynamic=True, fold=False)
save('levit', lambda: LeViT(), 13, size=16)
save('levit_two', lambda: LeViT(True), 12, size=16, dynamic=True)
save('mobilevit', lambda: MobileViT(), 13, size=16)
save('mobilevit_dynamic', lambda: MobileViT('mean', 'timm'), 16, size=16, dynamic=True)
save('window', lambda: Window(), 13)
save('swin', lambda: Swin(), 13, size=12)
save('swin_dynamic', lambda: Swin(), 17, size=12, dynamic=True, fold=False)
save('gated', lambda: Gated(), 13)
save('relu_linear', lambda: ReluLinear(), 14)
save('relu_linear_epsilon', lambda: ReluLinear(eps=1e-5), 17, dynamic=True)  # timm's
save('relu_linear_large', lambda: ReluLinear(eps=0.25), 14)
for form in ('inf', 'fill', 'seen', 'small'): save(('x_' if form == 'small' else '') + 'causal_' + form, lambda: Causal(form), 14)
save('reduced_keys', lambda: Reduced(), 13)

m = onnx.load(os.path.join(OUT, 'deit.onnx'))  # initialisers as inputs
m.ir_version = 3
for t in m.graph.initializer: m.graph.input.append(oh.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
put('ir3', m, 'deit')
m = onnx.load(os.path.join(OUT, 'deit_op17.onnx')); m.ir_version = 10
put('ir10', m, 'deit_op17')
m = onnx.load(os.path.join(OUT, 'deit.onnx'))  # weights stored as float16, used through Cast
casts = []
for t in list(m.graph.initializer):
    if t.data_type != 1: continue
    h = nh.from_array(nh.to_array(t).astype(np.float16), t.name + '_half'); m.graph.initializer.remove(t); m.graph.initializer.append(h)
    casts.append(oh.make_node('Cast', [h.name], [t.name], to=1))
nodes = list(m.graph.node); del m.graph.node[:]; m.graph.node.extend(casts + nodes)
put('half_storage', m, 'deit')
m = onnx.load(os.path.join(OUT, 'gap.onnx'))  # Gelu as an operator
m.opset_import[0].version = 20
put('op20', m, 'gap')
m = onnx.load(os.path.join(OUT, 'deit.onnx'))
for t in m.graph.initializer:
    a = nh.to_array(t)
    if a.size < 200: continue
    f = open(os.path.join(OUT, 'weights.bin'), 'ab'); at = f.tell(); f.write(a.tobytes()); f.close()
    t.ClearField('raw_data'); t.data_location = 1
    for k, v in (('location', 'weights.bin'), ('offset', str(at)), ('length', str(a.nbytes))): e = t.external_data.add(); e.key, e.value = k, v
put('external', m, 'deit')


# The graphs as onnxruntime's optimiser fuses them for CPU and GPU, written by hand: one ViT, its operators of com.microsoft and its weights. Expected: PyTorch's logits.
class Fused:
    def __init__(s, name, m, opset=17):
        s.name, s.m, s.nodes, s.init, s.n, s.opset = name, m.eval(), [], [], 0, opset
    def const(s, t, name=None):
        s.n += 1; name = name or 'c%d' % s.n
        a = t.detach().numpy() if isinstance(t, torch.Tensor) else np.asarray(t)
        s.init.append(nh.from_array(np.array(a, order='C'), name)); return name
    def op(s, op, inputs, domain='com.microsoft', outputs=1, **attributes):
        s.n += 1; out = ['%s_%d%s' % (op, s.n, '' if i == 0 else '_%d' % i) for i in range(outputs)]
        s.nodes.append(oh.make_node(op, inputs, out, name='%s_%d' % (op, s.n), domain=domain, **attributes)); return out if outputs > 1 else out[0]
    def linear(s, x, l, bias=True):
        y = s.op('MatMul', [x, s.const(l.weight.t())], '')
        return s.op('Add', [y, s.const(l.bias)], '') if bias else y
    def skip_norm(s, x, skip, norm, bias=None):
        out = s.op('SkipLayerNormalization', [x, skip, s.const(norm.weight), s.const(norm.bias)] + ([s.const(bias)] if bias is not None else []), outputs=4, epsilon=norm.eps)
        return out[0], out[3]
    def vit(s, attention, mlp):
        m = s.m
        x = s.op('FusedConv', ['image', s.const(m.patch_embed.weight), s.const(m.patch_embed.bias)], kernel_shape=[4, 4], strides=[4, 4]) if mlp == 'fused' else \
            s.op('Conv', ['image', s.const(m.patch_embed.weight), s.const(m.patch_embed.bias)], '', kernel_shape=[4, 4], strides=[4, 4])
        x = s.op('Transpose', [s.op('Reshape', [x, s.const(np.array([0, 12, -1]))], '')], '', perm=[0, 2, 1])
        x = s.op('Concat', [s.const(m.cls_token), x], '', axis=1)
        x = s.op('Add', [x, s.const(m.pos_embed)], '')
        b = m.blocks[0]
        y = s.op('LayerNormalization', [x, s.const(b.norm1.weight), s.const(b.norm1.bias)], '', axis=-1, epsilon=b.norm1.eps)
        a = b.attn
        if attention == 'attention':
            y = s.op('Attention', [y, s.const(a.qkv.weight.t()), s.const(a.qkv.bias)], num_heads=a.h)
        elif attention == 'sizes':  # with its sizes and its scale
            y = s.op('Attention', [y, s.const(a.qkv.weight.t()), s.const(a.qkv.bias)], num_heads=a.h, qkv_hidden_sizes=[12, 12, 12], scale=0.5)
        elif attention == 'mask':
            y = s.op('Attention', [y, s.const(a.qkv.weight.t()), s.const(a.qkv.bias), s.const(np.ones((1, 5), np.int32))], num_heads=a.h)
        elif attention == 'multi_head':
            w = a.qkv.weight.t().reshape(12, 3, 12)
            parts = [s.op('MatMul', [y, s.const(w[:, i])], '') for i in range(3)]
            y = s.op('MultiHeadAttention', parts + [s.const(a.qkv.bias)], num_heads=a.h)
        elif attention == 'batch':  # heads behind the tokens, and the products exchange them
            y = s.op('Reshape', [s.linear(y, a.qkv), s.const(np.array([5, 3, 3, 4]))], '')
            q, k, v = (s.op('Gather', [y, s.const(np.array(i))], '', axis=1) for i in range(3))
            y = s.op('Softmax', [s.op('FusedMatMul', [q, k], transBatchA=1, transBatchB=1, transB=1, alpha=0.5)], '', axis=-1)
            y = s.op('Transpose', [s.op('FusedMatMul', [y, v], transBatchB=1)], '', perm=[1, 0, 2])
            y = s.op('Reshape', [y, s.const(np.array([1, 5, 12]))], '')
        else:  # products alone are fused
            y = s.linear(y, a.qkv)
            y = s.op('Transpose', [s.op('Reshape', [y, s.const(np.array([0, 0, 3, 3, 4]))], '')], '', perm=[2, 0, 3, 1, 4])
            q, k, v = (s.op('Gather', [y, s.const(np.array(i))], '', axis=0) for i in range(3))
            y = s.op('Softmax', [s.op('FusedMatMul', [q, k], transB=1, alpha=0.5)], '', axis=-1)
            y = s.op('FusedMatMul', [y, v])
            y = s.op('Reshape', [s.op('Transpose', [y], '', perm=[0, 2, 1, 3]), s.const(np.array([0, 0, -1]))], '')
        y = s.op('MatMul', [y, s.const(a.proj.weight.t())], '')
        y, x = s.skip_norm(y, x, b.norm2, a.proj.bias)
        h = s.op('MatMul', [y, s.const(b.fc1.weight.t())], '')
        if mlp == 'tanh': h = s.op('FastGelu', [h, s.const(b.fc1.bias)])
        elif mlp == 'quick': h = s.op('QuickGelu', [s.op('Add', [h, s.const(b.fc1.bias)], '')], alpha=1.702)
        elif mlp == 'plain': h = s.op('Gelu', [s.op('Add', [h, s.const(b.fc1.bias)], '')])
        else: h = s.op('BiasGelu', [h, s.const(b.fc1.bias)])
        h = s.op('MatMul', [h, s.const(b.fc2.weight.t())], '')
        if mlp == 'fused':
            x = s.op('BiasAdd', [h, s.const(b.fc2.bias), x])
            x = s.op('LayerNormalization', [x, s.const(m.norm.weight), s.const(m.norm.bias)], '', axis=-1, epsilon=m.norm.eps)
        else: x, _ = s.skip_norm(h, x, m.norm, b.fc2.bias)
        x = s.op('Gather', [x, s.const(np.array(0))], '', axis=1)
        s.nodes.append(oh.make_node('FusedGemm' if mlp == 'fused' else 'Gemm', [x, s.const(m.head.weight), s.const(m.head.bias)], ['logits'], name='head', domain='com.microsoft' if mlp == 'fused' else '', transB=1))
        graph = oh.make_graph(s.nodes, 'fused', [oh.make_tensor_value_info('image', 1, ['batch', 3, 8, 8])], [oh.make_tensor_value_info('logits', 1, ['batch', 5])], s.init)
        model = oh.make_model(graph, opset_imports=[oh.make_opsetid('', s.opset), oh.make_opsetid('com.microsoft', 1)])
        open(os.path.join(OUT, s.name + '.onnx'), 'wb').write(model.SerializeToString())
        x = torch.randn(1, 3, 8, 8)
        with torch.no_grad(): y = m.double()(x.double())
        np.save(os.path.join(OUT, s.name + '.input.npy'), x.numpy()); np.save(os.path.join(OUT, s.name + '.output.npy'), y.numpy())

for name, attention, mlp in (('fused_attention', 'attention', 'erf'), ('fused_sizes', 'sizes', 'tanh'), ('fused_multi_head', 'multi_head', 'quick'), ('fused_products', 'products', 'fused'), ('fused_batch', 'batch', 'plain'), ('x_fused_mask', 'mask', 'plain')):
    torch.manual_seed(sum(map(ord, name)))
    Fused(name, ViT(depth=1, act={'tanh': 'tanh', 'quick': 'quick'}.get(mlp, 'erf'))).vit(attention, mlp)

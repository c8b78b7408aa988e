"""llama.cpp itself, called by ctypes: likelihoods of texts, and what goes into each matrix. Only in a child process.

Source: llama.h and ggml.h of the build that xllamacpp names. Structures are held against what that build says of its
defaults before anything is done with them.
"""

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domov.errors import BadModelFile, EngineUnavailable
from domov.optimize.native import Floats, library

P, I32, U32, F32, BOOL, SIZE = (
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.c_uint32,
    ctypes.c_float,
    ctypes.c_bool,
    ctypes.c_size_t,
)
OnNode = ctypes.CFUNCTYPE(BOOL, P, BOOL, P)
Log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, P)
NO_MMAP = 0  # llama_load_mode: none
Field = tuple[str, Any]


def _fields(kind: Any, names: str) -> list[Field]:
    return [(name, kind) for name in names.split()]


class ModelParameters(ctypes.Structure):
    _fields_ = [
        *_fields(P, "devices tensor_buft_overrides"),
        *_fields(I32, "n_gpu_layers split_mode load_mode lazy_mode main_gpu"),
        *_fields(P, "tensor_split progress_callback progress_data kv_overrides"),
        *_fields(BOOL, "vocab_only check_tensors use_extra_bufts no_host no_alloc load_mtp"),
    ]


class ContextParameters(ctypes.Structure):
    _fields_ = [
        *_fields(U32, "n_ctx n_batch n_ubatch n_seq_max n_rs_seq n_outputs_max n_outputs_max_per_seq"),
        *_fields(I32, "n_threads n_threads_batch ctx_type rope_scaling_type pooling_type attention_type flash_attn"),
        *_fields(F32, "rope_freq_base rope_freq_scale yarn_ext yarn_attn yarn_beta_fast yarn_beta_slow"),
        ("yarn_orig_ctx", U32),
        ("defrag_thold", F32),
        ("cb_eval", OnNode),
        ("cb_eval_data", P),
        *_fields(I32, "type_k type_v"),
        ("moe_cache_size", SIZE),
        *_fields(P, "abort_callback abort_data"),
        *_fields(BOOL, "embeddings offload_kqv no_perf op_offload swa_full kv_unified"),
        ("samplers", P),
        ("n_samplers", SIZE),
        ("ctx_other", P),
    ]


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", I32),
        ("token", ctypes.POINTER(I32)),
        ("embd", P),
        ("pos", ctypes.POINTER(I32)),
        ("n_seq_id", ctypes.POINTER(I32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(I32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


class Library:
    """The functions, with their types. Raises EngineUnavailable where they are missing or of another build."""

    def __init__(self) -> None:
        self._native = library()
        self._quiet = Log(lambda *_: None)
        self._known: dict[str, Any] = {}
        try:
            self.call("llama_log_set", None, self._quiet, None)
            model, context = self.defaults()
        except AttributeError as error:
            raise EngineUnavailable(f"llama.cpp's functions can't be reached: {error}") from error
        found: tuple[Any, ...] = (
            context.n_ctx,
            context.n_batch,
            context.n_ubatch,
            context.n_seq_max,
            context.type_k,
            context.type_v,
        )
        found += (context.offload_kqv, context.no_perf, context.op_offload, context.swa_full, context.kv_unified)
        found += (round(context.yarn_beta_fast), model.split_mode, model.load_mode, model.use_extra_bufts)
        if found != (512, 2048, 512, 1, 1, 1, True, True, True, True, False, -1, 1, -1, True):
            raise EngineUnavailable(
                f"this build of llama.cpp is laid out otherwise than Domov knows: {found}",
                hint="install the exact version of xllamacpp that Domov names",
            )
        self.sources_at = self._sources_at()

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        function = self._known.get(name) or getattr(self._native, name)
        self._known[name] = function
        function.restype = result
        return function(*arguments)

    def defaults(self) -> tuple[ModelParameters, ContextParameters]:
        model = self.call("llama_model_default_params", ModelParameters)
        return model, self.call("llama_context_default_params", ContextParameters)

    def _sources_at(self) -> int:
        """Where in a ggml_tensor its sources are kept: found by looking at a product of two known ones."""

        class Parameters(ctypes.Structure):
            _fields_ = [("mem_size", SIZE), ("mem_buffer", P), ("no_alloc", BOOL)]

        context = P(self.call("ggml_init", P, Parameters(1 << 16, None, True)))
        new, size = "ggml_new_tensor_2d", ctypes.c_int64
        first = self.call(new, P, context, 0, size(7), size(5))
        second = self.call(new, P, context, 0, size(7), size(3))
        product = self.call("ggml_mul_mat", P, context, P(first), P(second))
        words = (ctypes.c_uint64 * 48).from_address(product)
        places = [8 * n for n in range(47) if (words[n], words[n + 1]) == (first, second)]
        shape = tuple((ctypes.c_int64 * 4).from_address(first + 16))
        self.call("ggml_free", None, context)
        if len(places) != 1 or shape != (7, 5, 1, 1):
            raise EngineUnavailable("this build of ggml is laid out otherwise than Domov knows")
        return places[0]


class Node:
    """A tensor of a graph."""

    def __init__(self, native: Library, address: int) -> None:
        self._native, self.address = native, address

    @property
    def operation(self) -> str:
        return str(self._native.call("ggml_op_desc", ctypes.c_char_p, P(self.address)).decode())

    @property
    def name(self) -> str:
        return str(self._native.call("ggml_get_name", ctypes.c_char_p, P(self.address)).decode("utf-8", "replace"))

    @property
    def type(self) -> int:
        return int(ctypes.c_int.from_address(self.address).value)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple((ctypes.c_int64 * 4).from_address(self.address + 16))

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple((SIZE * 4).from_address(self.address + 48))

    def source(self, number: int) -> "Node":
        address = ctypes.c_uint64.from_address(self.address + self._native.sources_at + 8 * number).value
        return Node(self._native, address)

    def content(self) -> npt.NDArray[np.uint8]:
        """Its bytes, from whatever device they are on."""
        size = self._native.call("ggml_nbytes", SIZE, P(self.address))
        out = np.empty(size, np.uint8)
        self._native.call("ggml_backend_tensor_get", None, P(self.address), P(out.ctypes.data), SIZE(0), SIZE(size))
        return out

    def overwrite(self, content: npt.NDArray[np.uint8]) -> None:
        size = SIZE(content.nbytes)
        self._native.call("ggml_backend_tensor_set", None, P(self.address), P(content.ctypes.data), SIZE(0), size)


Watcher = Callable[[Node, bool], bool]  # (node, whether it is only asked about) -> whether it is wanted, or go on


class Vocabulary:
    """How a model reads texts."""

    def __init__(self, native: Library, model: ctypes.c_void_p) -> None:
        self._native = native
        self._pointer = P(native.call("llama_model_get_vocab", P, model))
        self.size = int(native.call("llama_vocab_n_tokens", I32, self._pointer))

    @property
    def first_token(self) -> int | None:
        """What every text begins with, for models that want one."""
        wants = self._native.call("llama_vocab_get_add_bos", BOOL, self._pointer)
        return int(self._native.call("llama_vocab_bos", I32, self._pointer)) if wants else None

    @property
    def last_token(self) -> int | None:
        """What ends an answer."""
        for name in ("llama_vocab_eot", "llama_vocab_eos"):
            if (token := int(self._native.call(name, I32, self._pointer))) >= 0:
                return token
        return None

    def tokens(self, text: str, *, first: bool = True, special: bool = False) -> list[int]:
        """As llama.cpp reads a text.

        first    with the token that every text begins with
        special  read `<|im_end|>` and its like as the tokens that they name
        """
        content = text.encode()
        room = len(content) + 16
        out = (I32 * room)()
        flags = BOOL(first), BOOL(special)
        count = self._native.call("llama_tokenize", I32, self._pointer, content, len(content), out, room, *flags)
        return list(out[:count])


def vocabulary_of(path: Path) -> Vocabulary:
    """The vocabulary alone, without the weights. Raises BadModelFile where llama.cpp refuses the file."""
    native = Library()
    model, _ = native.defaults()
    model.vocab_only = True
    found = native.call("llama_model_load_from_file", P, str(path).encode(), model)
    if not found:
        raise BadModelFile("llama.cpp refused the model's tokenizer")
    return Vocabulary(native, P(found))


class Llama:
    """One model with one context."""

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int,
        threads: int,
        sequences: int = 1,
        watch: Watcher | None = None,
        editable: bool = False,
    ) -> None:
        """sequences: texts side by side, each of context_tokens; editable: weights lie in memory of their own, as
        they are in the file. Raises BadModelFile where llama.cpp refuses the file."""
        self.native = Library()
        model, context = self.native.defaults()
        model.n_gpu_layers = 0  # behind its walls it reaches no card
        if editable:
            model.load_mode, model.use_extra_bufts = NO_MMAP, False
        self._model = self._made("llama_model_load_from_file", str(path).encode(), model)
        context.n_ctx = context.n_batch = context_tokens * sequences
        context.n_ubatch = min(512, context.n_ctx)
        context.n_seq_max = sequences
        context.n_threads = context.n_threads_batch = threads
        self._watch = OnNode(lambda node, ask, _: watch(Node(self.native, node), ask)) if watch else OnNode()
        context.cb_eval = self._watch
        self._context = self._made("llama_init_from_model", self._model, context)
        vocabulary = Vocabulary(self.native, self._model)
        self.vocabulary_size, self.first_token, self.tokens = vocabulary.size, vocabulary.first_token, vocabulary.tokens
        self._memory = P(self.native.call("llama_get_memory", P, self._context))

    def _made(self, name: str, *arguments: Any) -> Any:
        found = self.native.call(name, P, *arguments)
        if not found:
            raise BadModelFile("llama.cpp refused the model: too little memory, or a kind that it does not know")
        return P(found)

    def read(self, texts: Sequence[Sequence[int]], wanted: Sequence[int]) -> Floats:
        """The logits after some tokens of each text, read from its beginning: (rows, vocabulary).

        wanted  for each text, from which of its tokens on
        """
        self.native.call("llama_memory_clear", None, self._memory, BOOL(True))
        total = sum(map(len, texts))
        batch = self.native.call("llama_batch_init", Batch, total, 0, 1)
        try:
            place = 0
            for number, (text, start) in enumerate(zip(texts, wanted, strict=True)):
                for position, token in enumerate(text):
                    batch.token[place], batch.pos[place] = token, position
                    batch.n_seq_id[place], batch.seq_id[place][0] = 1, number
                    batch.logits[place] = position >= start
                    place += 1
            batch.n_tokens = total
            if self.native.call("llama_decode", I32, self._context, batch) != 0:
                raise BadModelFile("llama.cpp could not calculate the model: too little memory, perhaps")
        finally:
            self.native.call("llama_batch_free", None, batch)
        rows = sum(len(text) - start for text, start in zip(texts, wanted, strict=True))
        logits = self.native.call("llama_get_logits", ctypes.POINTER(F32), self._context)
        return np.ctypeslib.as_array(logits, (rows, self.vocabulary_size))

    def close(self) -> None:
        self.native.call("llama_free", None, self._context)
        self.native.call("llama_model_free", None, self._model)

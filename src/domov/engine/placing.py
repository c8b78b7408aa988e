"""A plan carried into a launch: what was planned for this machine is what llama.cpp is told.

Pure. What somebody has set by hand stays; where the layers on the cards are set by hand, llama.cpp shares them out.
"""

from dataclasses import replace

from domov.engine.launch import Launch
from domov.sizing.plan import Plan


def as_planned(launch: Launch, plan: Plan) -> Launch:
    """The launch with the plan's context, slots, threads, batches and devices."""
    options = replace(launch.options, batch_tokens=plan.batch_tokens, micro_batch_tokens=plan.micro_batch_tokens)
    split: tuple[int, ...] = ()
    if options.gpu_layers < 0:  # not set by hand
        split = plan.layers_per_gpu
        experts = options.cpu_expert_layers or plan.cpu_expert_layers
        options = replace(options, gpu_layers=plan.gpu_layers, cpu_expert_layers=experts)
    return replace(
        launch,
        context_tokens=plan.context_tokens,
        slots=plan.slots,
        threads=plan.threads,
        layers_per_gpu=split,
        options=options,
    )


def smaller(launch: Launch, plan: Plan) -> Launch:
    """A launch that failed, with a smaller plan. Caches of another type can't be mixed with those that are kept."""
    options, states, split = launch.options, launch.slot_save_path, launch.layers_per_gpu
    if plan.gpu_layers == 0:
        options, split = replace(options, gpu_layers=0, cpu_expert_layers=0), ()
    if plan.cache_type != options.key_type:
        options, states = replace(options, cache_type=plan.cache_type), None
    return replace(
        launch,
        context_tokens=plan.context_tokens,
        slots=plan.slots,
        layers_per_gpu=split,
        options=options,
        slot_save_path=states,
    )

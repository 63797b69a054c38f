"""Operators `bpy.ops.animcore.*` and panels, a folder a feature; the order of the list is that of the sidebar."""

from __future__ import annotations

from .batch.operators import ANIMCORE_OT_export_edits, ANIMCORE_OT_import_lines, ANIMCORE_OT_list_batch
from .batch.panel import ANIMCORE_PT_batch, ANIMCORE_UL_lines
from .capture.operators import ANIMCORE_OT_capture_head, ANIMCORE_OT_fit_head
from .capture.panel import ANIMCORE_PT_capture
from .character.mapping_operators import (
    ANIMCORE_OT_assign_track,
    ANIMCORE_OT_forget_corrections,
    ANIMCORE_OT_list_tracks,
    ANIMCORE_OT_mirror_track,
    ANIMCORE_OT_preview_track,
    ANIMCORE_OT_save_profile,
)
from .character.matching_operators import ANIMCORE_OT_forget_match, ANIMCORE_OT_match
from .character.operators import ANIMCORE_OT_add_character, ANIMCORE_OT_use_selected
from .character.panel import ANIMCORE_PT_character, ANIMCORE_UL_tracks
from .doctor.operators import ANIMCORE_OT_examine, ANIMCORE_OT_mend, ANIMCORE_OT_mend_all
from .doctor.panel import ANIMCORE_PT_doctor
from .export.operators import ANIMCORE_OT_deliver, ANIMCORE_OT_pick_folder
from .export.panel import ANIMCORE_PT_deliver
from .performance.dialogue_operators import (
    ANIMCORE_OT_add_part,
    ANIMCORE_OT_generate_dialogue,
    ANIMCORE_OT_remove_part,
)
from .performance.dialogue_panel import ANIMCORE_PT_dialogue, ANIMCORE_UL_cast
from .performance.emotion_sheet_operators import ANIMCORE_OT_emotion_sheet
from .performance.engine_help_operators import (
    ANIMCORE_OT_check_engine,
    ANIMCORE_OT_clear_cache,
    ANIMCORE_OT_copy_report,
    ANIMCORE_OT_dismiss,
    ANIMCORE_OT_open_log,
)
from .performance.film_operators import ANIMCORE_OT_take_from_video
from .performance.live_operators import ANIMCORE_OT_listen, ANIMCORE_OT_stop_listening
from .performance.main_panel import ANIMCORE_PT_main
from .performance.operators import ANIMCORE_OT_cancel, ANIMCORE_OT_generate, ANIMCORE_OT_heed_escape
from .performance.panel import ANIMCORE_PT_direction
from .performance.video_operators import ANIMCORE_OT_film_take
from .splats.operators import (
    ANIMCORE_OT_add_hybrid_head,
    ANIMCORE_OT_add_splats,
    ANIMCORE_OT_attach_splats,
    ANIMCORE_OT_own_splats,
    ANIMCORE_OT_render_side_by_side,
    ANIMCORE_OT_toggle_carrier,
)
from .splats.panel import ANIMCORE_PT_splats
from .takes.operators import (
    ANIMCORE_OT_bake_take,
    ANIMCORE_OT_compare_takes,
    ANIMCORE_OT_delete_take,
    ANIMCORE_OT_rename_take,
    ANIMCORE_OT_retime,
    ANIMCORE_OT_run_again,
    ANIMCORE_OT_show_take,
)
from .takes.panel import ANIMCORE_PT_takes, ANIMCORE_UL_takes
from .takes.polish_operators import (
    ANIMCORE_OT_drop_edits,
    ANIMCORE_OT_key_viseme,
    ANIMCORE_OT_mirror_take,
    ANIMCORE_OT_polish,
    ANIMCORE_OT_reset_polish,
    ANIMCORE_OT_show_curves,
)
from .takes.polish_panel import ANIMCORE_PT_polish
from .voice.operators import ANIMCORE_OT_inspect, ANIMCORE_OT_pick_audio, ANIMCORE_OT_use_strips
from .voice.panel import ANIMCORE_PT_voice

OPERATORS = (
    ANIMCORE_OT_add_character,
    ANIMCORE_OT_use_selected,
    ANIMCORE_OT_match,
    ANIMCORE_OT_forget_match,
    ANIMCORE_OT_list_tracks,
    ANIMCORE_OT_assign_track,
    ANIMCORE_OT_mirror_track,
    ANIMCORE_OT_forget_corrections,
    ANIMCORE_OT_preview_track,
    ANIMCORE_OT_save_profile,
    ANIMCORE_OT_pick_audio,
    ANIMCORE_OT_use_strips,
    ANIMCORE_OT_inspect,
    ANIMCORE_OT_examine,
    ANIMCORE_OT_mend,
    ANIMCORE_OT_mend_all,
    ANIMCORE_OT_generate,
    ANIMCORE_OT_take_from_video,
    ANIMCORE_OT_cancel,
    ANIMCORE_OT_heed_escape,
    ANIMCORE_OT_add_part,
    ANIMCORE_OT_remove_part,
    ANIMCORE_OT_generate_dialogue,
    ANIMCORE_OT_listen,
    ANIMCORE_OT_stop_listening,
    ANIMCORE_OT_emotion_sheet,
    ANIMCORE_OT_show_take,
    ANIMCORE_OT_compare_takes,
    ANIMCORE_OT_rename_take,
    ANIMCORE_OT_bake_take,
    ANIMCORE_OT_film_take,
    ANIMCORE_OT_delete_take,
    ANIMCORE_OT_run_again,
    ANIMCORE_OT_retime,
    ANIMCORE_OT_polish,
    ANIMCORE_OT_reset_polish,
    ANIMCORE_OT_drop_edits,
    ANIMCORE_OT_mirror_take,
    ANIMCORE_OT_key_viseme,
    ANIMCORE_OT_show_curves,
    ANIMCORE_OT_add_hybrid_head,
    ANIMCORE_OT_add_splats,
    ANIMCORE_OT_attach_splats,
    ANIMCORE_OT_toggle_carrier,
    ANIMCORE_OT_own_splats,
    ANIMCORE_OT_render_side_by_side,
    ANIMCORE_OT_capture_head,
    ANIMCORE_OT_fit_head,
    ANIMCORE_OT_list_batch,
    ANIMCORE_OT_import_lines,
    ANIMCORE_OT_export_edits,
    ANIMCORE_OT_pick_folder,
    ANIMCORE_OT_deliver,
    ANIMCORE_OT_copy_report,
    ANIMCORE_OT_open_log,
    ANIMCORE_OT_dismiss,
    ANIMCORE_OT_check_engine,
    ANIMCORE_OT_clear_cache,
)

PANELS = (
    ANIMCORE_UL_tracks,
    ANIMCORE_UL_takes,
    ANIMCORE_UL_cast,
    ANIMCORE_UL_lines,
    ANIMCORE_PT_main,
    ANIMCORE_PT_character,
    ANIMCORE_PT_voice,
    ANIMCORE_PT_dialogue,
    ANIMCORE_PT_direction,
    ANIMCORE_PT_doctor,
    ANIMCORE_PT_takes,
    ANIMCORE_PT_polish,
    ANIMCORE_PT_batch,
    ANIMCORE_PT_splats,
    ANIMCORE_PT_capture,
    ANIMCORE_PT_deliver,
)

CLASSES = (*OPERATORS, *PANELS)

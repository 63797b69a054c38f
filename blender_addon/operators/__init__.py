"""The operators `bpy.ops.animcore.*`, one file a subject."""

from __future__ import annotations

from .capture import ANIMCORE_OT_capture_head, ANIMCORE_OT_fit_head
from .character import ANIMCORE_OT_add_character, ANIMCORE_OT_use_selected
from .deliver import ANIMCORE_OT_deliver, ANIMCORE_OT_pick_folder
from .dialogue import ANIMCORE_OT_add_part, ANIMCORE_OT_generate_dialogue, ANIMCORE_OT_remove_part
from .doctor import ANIMCORE_OT_examine, ANIMCORE_OT_mend, ANIMCORE_OT_mend_all
from .emotion_sheet import ANIMCORE_OT_emotion_sheet
from .filming import ANIMCORE_OT_film_take
from .generate import ANIMCORE_OT_cancel, ANIMCORE_OT_generate, ANIMCORE_OT_heed_escape
from .help import (
    ANIMCORE_OT_check_engine,
    ANIMCORE_OT_clear_cache,
    ANIMCORE_OT_copy_report,
    ANIMCORE_OT_dismiss,
    ANIMCORE_OT_open_log,
)
from .live import ANIMCORE_OT_listen, ANIMCORE_OT_stop_listening
from .mapping import (
    ANIMCORE_OT_assign_track,
    ANIMCORE_OT_forget_corrections,
    ANIMCORE_OT_list_tracks,
    ANIMCORE_OT_mirror_track,
    ANIMCORE_OT_preview_track,
    ANIMCORE_OT_save_profile,
)
from .match import ANIMCORE_OT_forget_match, ANIMCORE_OT_match
from .polish import (
    ANIMCORE_OT_drop_edits,
    ANIMCORE_OT_key_viseme,
    ANIMCORE_OT_mirror_take,
    ANIMCORE_OT_polish,
    ANIMCORE_OT_reset_polish,
    ANIMCORE_OT_show_curves,
)
from .splats import (
    ANIMCORE_OT_add_hybrid_head,
    ANIMCORE_OT_add_splats,
    ANIMCORE_OT_attach_splats,
    ANIMCORE_OT_own_splats,
    ANIMCORE_OT_render_side_by_side,
    ANIMCORE_OT_toggle_carrier,
)
from .takes import (
    ANIMCORE_OT_bake_take,
    ANIMCORE_OT_compare_takes,
    ANIMCORE_OT_delete_take,
    ANIMCORE_OT_rename_take,
    ANIMCORE_OT_retime,
    ANIMCORE_OT_run_again,
    ANIMCORE_OT_show_take,
)
from .voice import ANIMCORE_OT_inspect, ANIMCORE_OT_pick_audio, ANIMCORE_OT_use_strips

CLASSES = (
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
    ANIMCORE_OT_pick_folder,
    ANIMCORE_OT_deliver,
    ANIMCORE_OT_copy_report,
    ANIMCORE_OT_open_log,
    ANIMCORE_OT_dismiss,
    ANIMCORE_OT_check_engine,
    ANIMCORE_OT_clear_cache,
)

"""Translations of the interface, through Blender's own translation system.

A row of the table is English, simplified Chinese, Japanese. Names of files, shapes and bones are never translated;
`{places}` of values stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from . import more_translations

LOCALES = ("zh_HANS", "ja_JP")

_BUTTONS = (
    ("Import Batch", "导入批次", "バッチを読み込む"),
    ("Import Lines", "导入台词", "セリフを読み込む"),
    ("Export Edits", "导出编辑", "編集を書き出す"),
    ("Batch", "批次", "バッチ"),
    ("Lines", "台词", "セリフ"),
    ("Line", "台词行", "セリフ行"),
    ("Scenes", "场景", "シーン"),
    ("As", "导入为", "形式"),
    ("Import", "导入", "読み込む"),
    ("Quality", "质量", "品質"),
    ("Add Default Character", "添加默认角色", "標準キャラクターを追加"),
    ("Use Selected", "使用所选物体", "選択物を使用"),
    ("Match by Shape", "按形状匹配", "形状で照合"),
    ("Match by Name", "按名称匹配", "名前で照合"),
    ("List Tracks", "列出轨道", "トラックを一覧"),
    ("Assign", "指定", "割り当て"),
    ("Mirror", "镜像", "ミラー"),
    ("Clear Corrections", "清空更正", "修正をクリア"),
    ("Preview", "预览", "プレビュー"),
    ("End Preview", "结束预览", "プレビュー終了"),
    ("Save as Profile", "另存为配置", "プロファイルに保存"),
    ("Open Audio", "打开音频", "オーディオを開く"),
    ("Use Selected Strips", "使用所选片段", "選択ストリップを使用"),
    ("Check Audio", "检查音频", "オーディオを調べる"),
    ("Examine", "检查", "診断"),
    ("Fix", "修复", "修正"),
    ("Fix All", "全部修复", "すべて修正"),
    ("Generate", "生成", "生成"),
    ("Cancel", "取消", "キャンセル"),
    ("Cancel with Esc", "按 Esc 取消", "Esc でキャンセル"),
    ("Face Model", "面部模型", "顔モデル"),
    ("Gesture Model", "手势模型", "身振りモデル"),
    ("Speak Live", "实时说话", "ライブで話す"),
    ("Stop", "停止", "停止"),
    ("Recording Speech", "正在录制语音", "音声を録音中"),
    ("Microphone", "麦克风", "マイク"),
    ("Render Video", "渲染视频", "動画をレンダリング"),
    ("Emotion Sheet", "情绪总览图", "感情一覧"),
    ("Rendering the sheet", "正在渲染总览图", "一覧をレンダリング中"),
    ("Choose Folder", "选择文件夹", "フォルダーを選ぶ"),
    ("Export Take", "导出表演", "テイクをエクスポート"),
    ("Copy Report", "复制报告", "報告をコピー"),
    ("Copy Log", "复制日志", "ログをコピー"),
    ("Open Log", "打开日志", "ログを開く"),
    ("Dismiss", "关闭", "閉じる"),
    ("Check Engine", "检查引擎", "エンジンを調べる"),
    ("Use Video Frame Rate", "采用视频帧率", "動画のフレームレートを使用"),
    ("Fix Frame Rate", "修正帧率", "フレームレートを修正"),
    ("Disable Stretching", "禁用时间拉伸", "ストレッチを無効化"),
    ("Extend Range", "扩展范围", "範囲を延長"),
    ("Clear Preview Range", "清空预览范围", "プレビュー範囲をクリア"),
    ("Unmute Audio", "取消静音", "オーディオのミュートを解除"),
    ("Unmute", "取消屏蔽", "ミュート解除"),
    ("Sync to Audio", "同步到音频", "音声に同期"),
    ("Make Library Override", "创建库重写", "ライブラリオーバーライドを作成"),
    ("Make Relative", "设为相对", "相対にする"),
    ("Exit Tweak Mode", "退出调整模式", "調整モードから出る"),
    ("Mute Drivers", "屏蔽驱动器", "ドライバーをミュート"),
    ("Unlock", "解锁", "ロック解除"),
    ("Widen Range", "放宽范围", "範囲を広げる"),
    ("Show", "显示", "表示する"),
    ("Use Pose Position", "使用姿态位置", "ポーズ位置を使用"),
    ("Mute Constraints", "屏蔽约束", "コンストレイントをミュート"),
    ("Disable Solo", "取消孤立", "ソロを無効化"),
    ("Set Influence to 1", "将影响设为 1", "影響を 1 にする"),
)

_LABELS = (
    ("Animcore", "Animcore", "Animcore"),
    ("Character", "角色", "キャラクター"),
    ("Speech", "语音", "音声"),
    ("Direction", "导演", "演出"),
    ("Take Doctor", "表演诊断", "テイク診断"),
    ("Export", "导出", "エクスポート"),
    ("No problems found.", "未发现问题。", "問題は見つかりませんでした。"),
    ("Analyzing the audio ...", "正在分析音频……", "オーディオを解析中…"),
    ("Multiple", "多个", "複数"),
    ("Emotion Strength", "情绪强度", "感情の強さ"),
    ("Audio Track", "音频轨道", "音声トラック"),
    ("Audio Channel", "音频通道", "音声チャンネル"),
    ("Audio File", "音频文件", "音声ファイル"),
    ("Character Source", "角色来源", "キャラクターのソース"),
    ("Collection", "集合", "コレクション"),
    ("Shape", "形状", "シェイプ"),
    ("Bone", "骨骼", "ボーン"),
    ("Speech Source", "语音来源", "音声のソース"),
    ("Strips", "片段", "ストリップ"),
    ("Speaker", "扬声器", "スピーカー"),
    ("Offset (ms)", "偏移（毫秒）", "オフセット (ms)"),
    ("Range", "范围", "範囲"),
    ("Full Audio", "完整音频", "オーディオ全体"),
    ("Marked Range", "标记范围", "指定範囲"),
    ("Transcript", "台词", "台本"),
    ("Transcript File", "台词文件", "台本ファイル"),
    ("Emotion Markers", "情绪标记", "感情マーカー"),
    ("Waveform", "波形图", "波形"),
    ("Start Frame", "起始帧", "開始フレーム"),
    ("Sound Strip", "声音片段", "音声ストリップ"),
    ("Folder", "文件夹", "フォルダー"),
    ("Formats", "格式", "フォーマット"),
    ("Seed", "随机种", "シード"),
    ("Emotion", "情绪", "感情"),
    ("Intensity", "强度", "強度"),
    ("Gesture Style", "手势风格", "身振りスタイル"),
    ("Lips", "嘴唇", "唇"),
    ("Jaw", "下颌", "顎"),
    ("Tongue", "舌头", "舌"),
    ("Brows", "眉毛", "眉"),
    ("Cheeks", "脸颊", "頬"),
    ("Blinks", "眨眼", "まばたき"),
    ("Gaze", "视线", "視線"),
    ("Head", "头部", "ヘッド"),
    ("Body", "身体", "体"),
    ("Hands", "双手", "手"),
    ("External Python", "外部 Python", "外部の Python"),
    ("Neutral", "平静", "平静"),
    ("Joy", "喜悦", "喜び"),
    ("Sadness", "悲伤", "悲しみ"),
    ("Anger", "愤怒", "怒り"),
    ("Disgust", "厌恶", "嫌悪"),
    ("Fear", "恐惧", "恐れ"),
    ("Surprise", "惊讶", "驚き"),
    ("Contempt", "轻蔑", "軽蔑"),
)

_REASONS = (
    ("Go to Object Mode first", "请先进入物体模式", "先にオブジェクトモードにしてください"),
    ("Choose a character first", "请先选择角色", "先にキャラクターを選んでください"),
    ("Choose an audio file first", "请先选择音频文件", "先にオーディオファイルを選んでください"),
    ("The engine is busy", "引擎正忙", "エンジンは作業中です"),
    (
        "The engine is busy; wait for it or cancel it first",
        "引擎正忙；请等待或先取消",
        "エンジンは作業中です。待つか、先にキャンセルしてください",
    ),
    (
        "Select the character's head or armature first",
        "请先选择角色的头部或骨架",
        "先にキャラクターの頭かアーマチュアを選択してください",
    ),
    ("Nothing is running", "没有正在运行的任务", "実行中の処理はありません"),
)

_FINDINGS = (
    (
        "The audio is silent: the face will stay still.",
        "音频是静音的：面部将保持不动。",
        "オーディオが無音です。顔は動きません。",
    ),
    (
        "The audio has a sample rate of {rate} kHz, as on a telephone: s, f and th are hard to distinguish.",
        "音频的采样率为 {rate} kHz，如同电话：s、f 与 th 难以区分。",
        "オーディオのサンプルレートは電話と同じ {rate} kHz です。s、f、th はほとんど区別できません。",
    ),
    (
        "The audio is heavily compressed ({codec} at {rate} kbit/s): consonants may be smeared.",
        "音频压缩过度（{codec}，{rate} kbit/s）：辅音可能模糊。",
        "オーディオが強く圧縮されています（{codec}、{rate} kbit/s）。子音がぼやけることがあります。",
    ),
    (
        "{share} of the samples are clipped: if the audio is distorted, record it again with a lower gain.",
        "{share} 的采样被削波：如果听起来失真，请降低增益重新录制。",
        "サンプルの {share} がクリップしています。歪んで聞こえるなら、ゲインを下げて録り直してください。",
    ),
    (
        "The speech is quiet ({level} LUFS): noise may be taken for it.",
        "语音音量较小（{level} LUFS）：噪声可能被误认为语音。",
        "音声が小さい（{level} LUFS）ため、ノイズを音声と取り違えることがあります。",
    ),
    (
        "The speech starts after {seconds} seconds of silence.",
        "语音在 {seconds} 秒静音之后才开始。",
        "音声は {seconds} 秒の無音の後に始まります。",
    ),
    (
        "The audio comes from a video at {film} FPS, and the scene is at {rate} FPS: the face drifts from the video.",
        "音频来自 {film} FPS 的视频，而场景为 {rate} FPS：面部会与视频逐渐错位。",
        "オーディオは {film} FPS の動画のもので、シーンは {rate} FPS です。顔が動画からずれていきます。",
    ),
    (
        "The scene is at {rate} FPS, which is not a standard frame rate; {meant} FPS is.",
        "场景为 {rate} FPS，这不是标准帧率；标准帧率是 {meant} FPS。",
        "シーンの {rate} FPS は標準のフレームレートではありません。標準は {meant} FPS です。",
    ),
    (
        "At {rate} FPS, lip closures of p, b and m can fall between two frames.",
        "在 {rate} FPS 下，p、b、m 的闭唇可能落在两帧之间。",
        "{rate} FPS では、p、b、m で唇を閉じる瞬間がフレームの間に落ちることがあります。",
    ),
    (
        "Time stretching ({old} to {new}) plays keys and audio at different speeds.",
        "时间拉伸（{old} 到 {new}）使关键帧与音频的播放速度不同。",
        "タイムストレッチ（{old} → {new}）のため、キーフレームとオーディオの再生速度が異なります。",
    ),
    (
        "The scene ends at frame {end}, before the audio ends at frame {last}.",
        "场景在第 {end} 帧结束，早于音频结束的第 {last} 帧。",
        "シーンはフレーム {end} で終わりますが、オーディオはフレーム {last} まで続きます。",
    ),
    (
        "The audio starts at frame {first}, before the scene starts at frame {start}.",
        "音频从第 {first} 帧开始，早于场景的第 {start} 帧。",
        "オーディオはフレーム {first} に始まり、シーンの開始フレーム {start} より早いです。",
    ),
    (
        "The preview range (frames {first} to {last}) plays only a part of the audio.",
        "预览范围（第 {first} 到 {last} 帧）只播放音频的一部分。",
        "プレビュー範囲（フレーム {first}～{last}）ではオーディオの一部しか再生されません。",
    ),
    (
        "The sound strips are muted, so the face moves without audio: {names}.",
        "声音片段已静音，面部会在没有音频的情况下运动：{names}。",
        "音声ストリップがミュートされており、顔だけが動きます：{names}。",
    ),
    (
        "The scene's audio is muted, so playback is silent.",
        "场景音频已静音：播放时没有声音。",
        "シーンの音声がミュートされています。再生しても音が出ません。",
    ),
    (
        "Playback is set to Play Every Frame, so the audio runs ahead of the face.",
        "回放设为“播放每帧”，音频会跑到面部前面。",
        "再生が「毎フレーム再生」のため、オーディオが顔より先に進みます。",
    ),
    (
        "{name!r} is linked without a library override and cannot be keyed.",
        "{name!r} 是没有库重写的链接数据，无法插入关键帧。",
        "{name!r} はライブラリオーバーライドのないリンクで、キーを打てません。",
    ),
    (
        "The shape keys of {names} are absolute and have no values to key.",
        "{names} 的形态键是绝对的，没有可以设置关键帧的值。",
        "{names} のシェイプキーは絶対で、キーを打てる値がありません。",
    ),
    (
        "{names} is in NLA tweak mode: no take can be added.",
        "{names} 处于 NLA 调整模式：无法添加表演。",
        "{names} は NLA の調整モードです。テイクを追加できません。",
    ),
    (
        "{count} speech shapes have drivers and will not be keyed: {names}.",
        "{count} 个说话形态键带有驱动器，不会被设置关键帧：{names}。",
        "発話のシェイプキー {count} 個にドライバーがあり、キーは打たれません：{names}。",
    ),
    (
        "{count} speech shapes have locked channels and will not be keyed: {names}.",
        "{count} 个说话形态键的通道已锁定，不会被设置关键帧：{names}。",
        "発話のシェイプキー {count} 個のチャンネルがロックされており、キーは打たれません：{names}。",
    ),
    (
        "{count} shape keys are muted, so their animation has no effect: {names}.",
        "{count} 个形态键被屏蔽，其动画没有效果：{names}。",
        "シェイプキー {count} 個がミュートされており、アニメーションが反映されません：{names}。",
    ),
    (
        "{count} shape keys have a range smaller than 0 to 1, which clips their animation: {names}.",
        "{count} 个形态键的范围小于 0 到 1，动画会被截断：{names}。",
        "シェイプキー {count} 個の範囲が 0～1 より狭く、アニメーションが切られます：{names}。",
    ),
    (
        "A shape key of {names} is solo, so all others have no effect.",
        "{names} 的一个形态键被孤立，其余形态键没有效果。",
        "{names} のシェイプキーが一つソロになっており、他は反映されません。",
    ),
    (
        "{names} is hidden in the viewport or in renders.",
        "{names} 在视图或渲染中被隐藏。",
        "{names} はビューポートかレンダーで非表示です。",
    ),
    (
        "The armature {name!r} is in rest position: bone animation has no effect.",
        "骨架 {name!r} 处于静置位置：骨骼动画没有效果。",
        "アーマチュア {name!r} はレスト位置にあり、ボーンのアニメーションが反映されません。",
    ),
    (
        "{count} face bones are locked and will not be keyed: {names}.",
        "{count} 个面部骨骼被锁定，不会被设置关键帧：{names}。",
        "顔のボーン {count} 本がロックされており、キーは打たれません：{names}。",
    ),
    (
        "No shape or bone opens the mouth of {name!r}: it stays shut.",
        "{name!r} 没有能张开嘴的形态键或骨骼：嘴始终闭着。",
        "{name!r} の口を開くシェイプもボーンもありません。口は閉じたままです。",
    ),
    (
        "Constraints override the rotation of face bones, so their keys have no effect: {names}.",
        "约束控制着面部骨骼的旋转，其关键帧没有效果：{names}。",
        "コンストレイントが顔のボーンの回転を決めており、キーが反映されません：{names}。",
    ),
    (
        "An NLA track is solo, so nothing else plays: {names}.",
        "有 NLA 轨道被孤立，其他内容都不会播放：{names}。",
        "NLAトラックがソロで、他は再生されません：{names}。",
    ),
    (
        "{count} NLA tracks are muted and stay muted: {names}.",
        "{count} 条 NLA 轨道被屏蔽，并保持屏蔽：{names}。",
        "NLAトラック {count} 本がミュートされています。そのままにします：{names}。",
    ),
    (
        "The action of {names} has an influence below 1.",
        "{names} 的动作的影响小于 1。",
        "{names} のアクションの影響が 1 未満です。",
    ),
    (
        "The action {names} animates shape keys of the take too; the take overrides it there.",
        "动作 {names} 也驱动表演的形态键；表演会覆盖它。",
        "アクション {names} もテイクのシェイプキーを動かします。そこではテイクが優先されます。",
    ),
)

_SPLATS = (
    ("Splats", "高斯泼溅", "スプラット"),
    ("Add Splats", "添加高斯泼溅", "スプラットを追加"),
    ("Add Hybrid Head", "添加混合头部", "ハイブリッドヘッドを追加"),
    ("Attach to Mesh", "附着到网格", "メッシュに付ける"),
    ("Show or Hide Mesh", "显示或隐藏网格", "メッシュの表示切替"),
    ("Show Mesh", "显示网格", "メッシュを表示"),
    ("Hide Mesh", "隐藏网格", "メッシュを隠す"),
    ("Side by Side", "并排比较", "並べて比較"),
    ("Convert to Blender Splats", "转为 Blender 自带泼溅", "Blender 標準のスプラットに変換"),
    (
        "Blender's own splats need Blender 5.3 or later",
        "Blender 自带泼溅需要 Blender 5.3 或更高版本",
        "Blender 標準のスプラットには Blender 5.3 以降が必要です",
    ),
    ("Bound Mesh", "绑定网格", "バインド先のメッシュ"),
    ("Splats in Viewport", "在视图中显示泼溅", "ビューポートに表示"),
    ("Gaussian Preview", "高斯预览", "ガウシアンプレビュー"),
    (
        "Gaussian Preview renders no motion blur.",
        "高斯预览不渲染运动模糊。",
        "ガウシアンプレビューはモーションブラーをレンダリングしません。",
    ),
    (
        "Gaussian Preview renders no depth of field.",
        "高斯预览不渲染景深。",
        "ガウシアンプレビューは被写界深度をレンダリングしません。",
    ),
    (
        "Gaussian Preview renders no motion blur and no depth of field.",
        "高斯预览不渲染运动模糊和景深。",
        "ガウシアンプレビューはモーションブラーと被写界深度をレンダリングしません。",
    ),
    (
        "Select the splats and the mesh that they are bound to",
        "请选择泼溅及其绑定的网格",
        "スプラットと、バインド先のメッシュを選択してください",
    ),
)

TABLE = (*_SPLATS, *_BUTTONS, *_LABELS, *_REASONS, *_FINDINGS, *more_translations.ROWS)
OWN = "Animcore"  # context of words that Blender translates otherwise: Direction is not a direction in space
_CONTEXTS = ("*", "Operator", OWN)  # Blender looks the text of buttons up in a context of its own


def told(sentence: str, values: Mapping[str, Any]) -> str:
    """Return a sentence in the user's language with its values in their places."""
    translated = bpy.app.translations.pgettext_iface(sentence)
    return str(translated).format(**values)


def spoken(sentence: str) -> str:
    """Return a sentence of the panels in the user's language; one that the table does not have stays as it is."""
    found = str(bpy.app.translations.pgettext_iface(sentence))
    if found != sentence or not sentence.endswith("."):
        return found
    reason = str(bpy.app.translations.pgettext_iface(sentence[:-1]))
    return sentence if reason == sentence[:-1] else reason + "。"


def register() -> None:
    """Give Blender the table."""
    tables = {
        locale: {(context, row[0]): row[number] for row in TABLE for context in _CONTEXTS}
        for number, locale in enumerate(LOCALES, 1)
    }
    bpy.app.translations.register(__package__, tables)  # type: ignore[arg-type]  # its stub has words as keys, without context


def unregister() -> None:
    """Take it back."""
    bpy.app.translations.unregister(__package__)

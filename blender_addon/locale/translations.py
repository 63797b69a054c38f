"""What the extension says in other languages, through Blender's own translation of its interface.

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
    ("Add Default Character", "添加默认角色", "標準キャラクターを追加"),
    ("Use Selected", "使用所选物体", "選択物を使う"),
    ("Match by Shape", "按形状匹配", "形状で照合"),
    ("Use Names", "按名称匹配", "名前で照合"),
    ("List Tracks", "列出轨道", "トラックを一覧"),
    ("Assign", "指定", "割り当て"),
    ("Mirror", "镜像", "ミラー"),
    ("Forget Corrections", "撤除更正", "修正を取り消す"),
    ("Preview", "预览", "プレビュー"),
    ("End Preview", "结束预览", "プレビュー終了"),
    ("Save as Profile", "另存为配置", "プロファイルに保存"),
    ("Open Voice", "打开语音", "音声を開く"),
    ("Use Selected Strips", "使用所选片段", "選択ストリップを使う"),
    ("Check Voice", "检查语音", "音声を調べる"),
    ("Examine", "检查", "診断"),
    ("Mend", "修复", "直す"),
    ("Mend All", "全部修复", "すべて直す"),
    ("Generate", "生成", "生成"),
    ("Cancel", "取消", "キャンセル"),
    ("Cancel by Esc", "按 Esc 取消", "Esc で取り消す"),
    ("Learned Face", "训练的面部模型", "学習した顔"),
    ("Learned Gestures", "训练的手势模型", "学習した身振り"),
    ("Speak Live", "实时说话", "ライブで話す"),
    ("Stop", "停止", "停止"),
    ("Speak: the face follows", "请说话：面部会跟随", "話してください：顔が動きます"),
    ("Microphone", "麦克风", "マイク"),
    ("Film", "影片", "動画"),
    ("Emotion Sheet", "情绪总览图", "感情一覧"),
    ("Rendering the sheet", "正在渲染总览图", "一覧をレンダリング中"),
    ("Choose Folder", "选择文件夹", "フォルダーを選ぶ"),
    ("Export Take", "导出表演", "テイクを書き出す"),
    ("Copy Report", "复制报告", "報告をコピー"),
    ("Copy Log", "复制日志", "ログをコピー"),
    ("Open Log", "打开日志", "ログを開く"),
    ("Dismiss", "关闭", "閉じる"),
    ("Check Engine", "检查引擎", "エンジンを調べる"),
    ("Take the Film's Rate", "采用影片帧率", "映像のレートにする"),
    ("Set the Rate", "设置帧率", "レートを直す"),
    ("Turn Off", "关闭", "オフにする"),
    ("Lengthen", "延长", "延ばす"),
    ("Begin Earlier", "提前开始", "開始を早める"),
    ("Play All", "播放全部", "全体を再生"),
    ("Unmute", "取消静音", "ミュート解除"),
    ("Sync to Audio", "与音频同步", "音声に同期"),
    ("Make Override", "创建覆盖", "オーバーライド作成"),
    ("Make Relative", "设为相对", "相対にする"),
    ("Leave Tweak Mode", "退出微调模式", "調整モードを出る"),
    ("Mute the Drivers", "禁用驱动器", "ドライバーをミュート"),
    ("Unlock", "解锁", "ロック解除"),
    ("Widen", "放宽", "範囲を広げる"),
    ("Unpin", "取消固定", "固定を解除"),
    ("Show", "显示", "表示する"),
    ("Show the Pose", "显示姿态", "ポーズを表示"),
    ("Mute the Constraints", "禁用约束", "コンストレイントをミュート"),
    ("Turn Solo Off", "取消单独播放", "ソロを解除"),
    ("Set to 1", "设为 1", "1 にする"),
)

_LABELS = (
    ("Animcore", "Animcore", "Animcore"),
    ("Character", "角色", "キャラクター"),
    ("Voice", "语音", "音声"),
    ("Direction", "导演", "演出"),
    ("Take Doctor", "表演诊断", "テイク診断"),
    ("Deliver", "交付", "納品"),
    ("Nothing is wrong.", "没有问题。", "問題はありません。"),
    ("or File", "或文件", "またはファイル"),
    ("Listening to the file ...", "正在聆听文件……", "ファイルを聴いています…"),
    ("by several", "由多个共同完成", "複数で表現"),
    ("nothing", "无", "なし"),
    ("Felt", "强烈程度", "強さ"),
    ("Character from", "角色来源", "キャラクターの指定"),
    ("Collection", "集合", "コレクション"),
    ("Shape", "形状", "シェイプ"),
    ("Bone", "骨骼", "ボーン"),
    ("Voice from", "语音来源", "音声の指定"),
    ("Strips", "片段", "ストリップ"),
    ("Speaker", "扬声器", "スピーカー"),
    ("Offset (ms)", "偏移（毫秒）", "ずらし（ミリ秒）"),
    ("Perform", "表演范围", "演じる範囲"),
    ("Whole", "整段", "全体"),
    ("Marked Range", "标记范围", "指定範囲"),
    ("Transcript", "台词", "台本"),
    ("Transcript File", "台词文件", "台本ファイル"),
    ("Emotion Markers", "情绪标记", "感情マーカー"),
    ("Waveform", "波形", "波形"),
    ("Start Frame", "起始帧", "開始フレーム"),
    ("Sound Strip", "声音片段", "サウンドストリップ"),
    ("Folder", "文件夹", "フォルダー"),
    ("Formats", "格式", "形式"),
    ("Seed", "随机种子", "シード"),
    ("Emotion", "情绪", "感情"),
    ("Emotion Intensity", "情绪强度", "感情の強さ"),
    ("Intensity", "强度", "強度"),
    ("Style", "风格", "スタイル"),
    ("Lips", "嘴唇", "唇"),
    ("Jaw", "下颌", "顎"),
    ("Tongue", "舌头", "舌"),
    ("Brows", "眉毛", "眉"),
    ("Cheeks", "脸颊", "頬"),
    ("Blinks", "眨眼", "まばたき"),
    ("Gaze", "视线", "視線"),
    ("Head", "头部", "頭"),
    ("Body", "身体", "体"),
    ("Hands", "双手", "手"),
    ("Other Python", "其他 Python", "別の Python"),
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
    ("Choose a sound file first", "请先选择声音文件", "先に音声ファイルを選んでください"),
    ("The engine is at work", "引擎正在工作", "エンジンは作業中です"),
    (
        "The engine is at work; wait for it or cancel it first",
        "引擎正在工作；请等待或先取消",
        "エンジンは作業中です。待つか、先に取り消してください",
    ),
    (
        "Select the character's head or armature first",
        "请先选择角色的头部或骨架",
        "先にキャラクターの頭かアーマチュアを選択してください",
    ),
    ("Nothing is being made", "没有正在进行的生成", "何も生成していません"),
)

_FINDINGS = (
    (
        "Nothing is heard in the voice: the face will stay still.",
        "语音中听不到任何声音：面部将保持不动。",
        "音声から何も聞こえません。顔は動きません。",
    ),
    (
        "The voice was recorded at {rate} kHz, as a telephone does: s, f and th can hardly be told apart.",
        "语音以 {rate} kHz 录制，如同电话：s、f 与 th 几乎无法区分。",
        "音声は電話と同じ {rate} kHz で録音されています。s、f、th はほとんど区別できません。",
    ),
    (
        "The voice is packed hard ({codec} at {rate} kbit/s): consonants may be smeared.",
        "语音压缩过度（{codec}，{rate} kbit/s）：辅音可能模糊。",
        "音声は強く圧縮されています（{codec}、{rate} kbit/s）。子音がぼやけることがあります。",
    ),
    (
        "{share} of the samples are clipped: if it sounds distorted, record it again with a lower gain.",
        "{share} 的采样被削波：如果听起来失真，请降低增益重新录制。",
        "サンプルの {share} がクリップしています。歪んで聞こえるなら、ゲインを下げて録り直してください。",
    ),
    (
        "The voice is very quiet ({level} LUFS): noise may be taken for it.",
        "语音音量很小（{level} LUFS）：噪声可能被误认为语音。",
        "音声がとても小さい（{level} LUFS）ため、雑音を声と取り違えることがあります。",
    ),
    (
        "The voice begins only after {seconds} seconds of silence.",
        "语音在 {seconds} 秒静默之后才开始。",
        "音声は {seconds} 秒の無音の後に始まります。",
    ),
    (
        "The voice comes from a film at {film} frames a second, and the scene plays {rate}: beside the film the face "
        "would run away from it.",
        "语音来自每秒 {film} 帧的影片，而场景为每秒 {rate} 帧：与影片并排播放时面部会逐渐错位。",
        "音声は毎秒 {film} フレームの映像のもので、シーンは毎秒 {rate} フレームです。並べると顔がずれていきます。",
    ),
    (
        "The scene plays {rate} frames a second, which no film has; {meant} is meant.",
        "场景为每秒 {rate} 帧，没有影片采用此帧率；应为 {meant}。",
        "シーンは毎秒 {rate} フレームですが、そのような映像はありません。{meant} のつもりでしょう。",
    ),
    (
        "At {rate} frames a second lips that close for p, b or m may fall between two frames.",
        "在每秒 {rate} 帧下，p、b、m 的闭唇可能落在两帧之间。",
        "毎秒 {rate} フレームでは、p、b、m で唇を閉じる瞬間がフレームの間に落ちることがあります。",
    ),
    (
        "Time stretching ({old} to {new}) plays keys at another speed than the sound.",
        "时间拉伸（{old} 到 {new}）使关键帧与声音的播放速度不同。",
        "タイムストレッチ（{old} → {new}）のため、キーは音と違う速さで再生されます。",
    ),
    (
        "The scene ends at frame {end}, the voice only at frame {last}.",
        "场景在第 {end} 帧结束，语音到第 {last} 帧才结束。",
        "シーンはフレーム {end} で終わりますが、音声はフレーム {last} まで続きます。",
    ),
    (
        "The voice begins at frame {first}, before the scene does at frame {start}.",
        "语音从第 {first} 帧开始，早于场景的第 {start} 帧。",
        "音声はフレーム {first} に始まり、シーンの開始フレーム {start} より早いです。",
    ),
    (
        "The preview range (frames {first} to {last}) plays only a part of the voice.",
        "预览范围（第 {first} 到 {last} 帧）只播放语音的一部分。",
        "プレビュー範囲（フレーム {first}～{last}）では音声の一部しか再生されません。",
    ),
    (
        "The sound is muted on the sequencer ({names}): the face would speak, and nobody hears it.",
        "声音在序列编辑器中被静音（{names}）：面部在说话，却没人听见。",
        "シーケンサーで音がミュートされています（{names}）。顔は話しますが、誰にも聞こえません。",
    ),
    (
        "The scene's audio is muted: playback is silent.",
        "场景音频已静音：播放时没有声音。",
        "シーンの音声がミュートされています。再生しても音が出ません。",
    ),
    (
        "Playback shows every frame however long it takes, and the sound runs ahead of the face.",
        "播放会逐帧显示而不顾耗时，声音会跑到面部前面。",
        "再生は時間がかかっても全フレームを表示するため、音が顔より先に進みます。",
    ),
    (
        "{name!r} is linked from another file without a library override, so that nothing of it can be keyed here.",
        "{name!r} 从其他文件链接而没有库覆盖，此处无法为其插入关键帧。",
        "{name!r} は別ファイルからのリンクでライブラリオーバーライドがなく、ここではキーを打てません。",
    ),
    (
        "The shape keys of {names} are absolute: they have no weights that could be keyed.",
        "{names} 的形态键是绝对的：没有可以设置关键帧的权重。",
        "{names} のシェイプキーは絶対で、キーを打てるウェイトがありません。",
    ),
    (
        "A strip of {names} is being tweaked in the NLA editor: no take can be put beside it.",
        "{names} 的片段正在 NLA 编辑器中微调：无法在其旁放置表演。",
        "{names} のストリップが NLA エディターで調整中のため、テイクを置けません。",
    ),
    (
        "Drivers hold shapes of speech ({count}: {names}): they will not be keyed.",
        "驱动器控制着说话的形状（{count} 个：{names}）：它们不会被设置关键帧。",
        "発話のシェイプにドライバーがあります（{count} 個：{names}）。キーは打たれません。",
    ),
    (
        "Locked channels hold shapes of speech ({count}: {names}): they will not be keyed.",
        "锁定的通道控制着说话的形状（{count} 个：{names}）：它们不会被设置关键帧。",
        "発話のシェイプのチャンネルがロックされています（{count} 個：{names}）。キーは打たれません。",
    ),
    (
        "Shapes are muted ({count}: {names}): their keys will not be seen.",
        "形状被禁用（{count} 个：{names}）：看不到其关键帧的效果。",
        "シェイプがミュートされています（{count} 個：{names}）。キーは見えません。",
    ),
    (
        "Shapes cannot reach 0 to 1 ({count}: {names}): their keys are cut off at the ends of their range.",
        "形状达不到 0 到 1（{count} 个：{names}）：关键帧会在范围两端被截断。",
        "シェイプが 0～1 に届きません（{count} 個：{names}）。キーは範囲の端で切られます。",
    ),
    (
        "One shape of {names} is pinned (Solo): all others stay unseen.",
        "{names} 的一个形状被固定（单独显示）：其余形状都看不到。",
        "{names} のシェイプが一つ固定（ソロ）されており、他は見えません。",
    ),
    (
        "{names} cannot be seen in the viewport or in renders.",
        "{names} 在视图或渲染中不可见。",
        "{names} はビューポートかレンダーで見えません。",
    ),
    (
        "The armature {name!r} stands in its rest position: its bones will not be seen to move.",
        "骨架 {name!r} 处于静置位置：看不到骨骼运动。",
        "アーマチュア {name!r} はレスト位置にあり、ボーンの動きが見えません。",
    ),
    (
        "Bones of the face are locked ({count}: {names}): they will not be keyed.",
        "面部骨骼被锁定（{count} 个：{names}）：它们不会被设置关键帧。",
        "顔のボーンがロックされています（{count} 本：{names}）。キーは打たれません。",
    ),
    (
        "Nothing opens the mouth of {name!r}: it stays shut, whatever is said.",
        "{name!r} 没有能张开嘴的形态或骨骼：嘴始终闭着。",
        "{name!r} の口を開くものがありません。口は閉じたままです。",
    ),
    (
        "Constraints decide about bones of the face ({names}): keys on these bones are not seen.",
        "约束决定着面部骨骼（{names}）：看不到这些骨骼上的关键帧。",
        "顔のボーンはコンストレイントで決まります（{names}）。そのキーは見えません。",
    ),
    (
        "An NLA track is solo ({names}): nothing else plays beside it.",
        "有 NLA 轨道单独播放（{names}）：其他内容都不会播放。",
        "NLA トラックがソロです（{names}）。他は再生されません。",
    ),
    (
        "NLA tracks are muted ({count}: {names}), and stay so.",
        "NLA 轨道被静音（{count} 条：{names}），并将保持静音。",
        "NLA トラックがミュートされています（{count} 本：{names}）。そのままにします。",
    ),
    (
        "What plays on {names} has an influence below 1.",
        "{names} 上播放内容的影响值小于 1。",
        "{names} で再生されるものの影響が 1 未満です。",
    ),
    (
        "Your action {names} moves shapes of the take too: it plays on beneath the take, unseen there.",
        "您的动作 {names} 也驱动表演的形状：它在表演之下继续播放，但被遮住。",
        "あなたのアクション {names} もテイクのシェイプを動かします。テイクの下で再生され続けますが、見えません。",
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
    ("To Blender's Splats", "转为 Blender 自带泼溅", "Blender 標準のスプラットへ"),
    (
        "Blender 5.3 and later have splats of their own",
        "Blender 5.3 及更高版本才自带泼溅",
        "スプラットを標準で持つのは Blender 5.3 以降です",
    ),
    ("Rides On", "所附网格", "載せるメッシュ"),
    ("Splats in Viewport", "在视图中显示泼溅", "ビューポートに表示"),
    ("Gaussian Preview", "高斯预览", "ガウシアンプレビュー"),
    (
        "Gaussian Preview draws without motion blur.",
        "高斯预览不绘制运动模糊。",
        "ガウシアンプレビューはモーションブラーを描画しません。",
    ),
    (
        "Gaussian Preview draws without depth of field.",
        "高斯预览不绘制景深。",
        "ガウシアンプレビューは被写界深度を描画しません。",
    ),
    (
        "Gaussian Preview draws without motion blur and depth of field.",
        "高斯预览不绘制运动模糊和景深。",
        "ガウシアンプレビューはモーションブラーと被写界深度を描画しません。",
    ),
    (
        "Select the splats and the mesh that carries them",
        "请选择泼溅及承载它的网格",
        "スプラットと、それを載せるメッシュを選択してください",
    ),
)

TABLE = (*_SPLATS, *_BUTTONS, *_LABELS, *_REASONS, *_FINDINGS, *more_translations.ROWS)
_CONTEXTS = ("*", "Operator")  # Blender looks the text of buttons up in a context of its own


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
    bpy.app.translations.register(__package__, tables)


def unregister() -> None:
    """Take it back."""
    bpy.app.translations.unregister(__package__)

"""More translations of the interface, in rows as in `translations`: takes, polish, dialogue."""

from __future__ import annotations

_TAKES = (
    ("Takes", "表演", "テイク"),
    ("Take", "表演", "テイク"),
    ("Name", "名称", "名前"),
    ("Text", "文本", "テキスト"),
    ("Show Take", "显示表演", "テイクを表示"),
    ("Rename Take", "重命名表演", "テイクの名前を変更"),
    ("Delete Take", "删除表演", "テイクを削除"),
    ("Run Again", "再次生成", "もう一度生成"),
    ("Take from Video", "从视频生成表演", "ビデオからテイク"),
    ("Tracked Part", "跟踪部位", "トラッキングする部分"),
    ("Face", "面部", "顔"),
    ("Face and Body", "面部和身体", "顔と体"),
    ("Another Take", "另一个表演", "別のテイク"),
    ("Other Take", "另一个表演", "もう一方のテイク"),
    ("Bake Take", "烘焙表演", "テイクをベイク"),
    ("Bake to Keyframes", "烘焙到关键帧", "キーフレームにベイク"),
    ("To NLA", "放入 NLA", "NLA に置く"),
    ("Keyframes", "关键帧", "キーフレーム"),
    ("NLA Strip", "NLA 片段", "NLAストリップ"),
    ("Keep Manual Edits", "保留手动修改", "手動の編集を残す"),
    ("Retime", "重定时", "リタイム"),
    (
        "The scene's frame rate has changed; retime the takes.",
        "场景的帧率已更改；请对表演重定时。",
        "シーンのフレームレートが変わりました。テイクをリタイムしてください。",
    ),
    ("No takes yet: press Generate.", "还没有表演：请按“生成”。", "テイクはまだありません。「生成」を押してください。"),
    (
        "There are no takes yet; press Generate",
        "还没有表演；请按“生成”",
        "テイクはまだありません。「生成」を押してください",
    ),
    (
        "There is only one take; press Another Take first",
        "只有一个表演；请先按“另一个表演”",
        "テイクは一つだけです。先に「別のテイク」を押してください",
    ),
    (
        "There is no active take: press Generate, or choose one in Takes.",
        "没有活动的表演：请按“生成”，或在“表演”中选择一个。",
        "アクティブなテイクがありません。「生成」を押すか、「テイク」で選んでください。",
    ),
    (
        "There is no active take; press Generate, or choose a take",
        "没有活动的表演；请按“生成”或选择一个表演",
        "アクティブなテイクがありません。「生成」を押すか、テイクを選んでください",
    ),
)

_POLISH = (
    ("Polish", "润色", "仕上げ"),
    ("Region", "部位", "部位"),
    ("Regions", "部位", "部位"),
    ("Smoothing", "平滑", "スムージング"),
    ("Smoothing (ms)", "平滑（毫秒）", "スムージング (ms)"),
    ("Exaggeration", "夸张", "誇張"),
    ("Offset", "偏移", "オフセット"),
    ("Interpolation", "插值", "補間"),
    ("Keys per Second", "每秒关键帧数", "毎秒のキー数"),
    ("Bezier", "贝塞尔", "ベジエ"),
    ("Linear", "线性", "リニア"),
    ("Manual Edits", "手动修改", "手動の編集"),
    ("New Takes", "新表演", "新しいテイク"),
    ("Edits on New Takes", "新表演的修改方式", "新しいテイクでの編集"),
    ("Add", "叠加", "加算"),
    ("Replace", "替换", "置き換え"),
    ("Revert Manual Edits", "还原手动修改", "手動の編集を元に戻す"),
    ("From Frame", "起始帧", "開始フレーム"),
    ("To Frame", "结束帧", "最終フレーム"),
    ("Curves", "曲线", "カーブ"),
    ("Show Curves", "显示曲线", "カーブを表示"),
    ("Reset", "重置", "リセット"),
    ("Reset Polish", "重置润色", "仕上げをリセット"),
    ("Viseme", "视位", "口形素"),
    ("Key Viseme", "插入视位", "口形素をキー"),
    ("Strength", "强度", "強さ"),
    ("Ease", "缓入缓出", "緩急"),
)

_DIALOGUE = (
    ("Dialogue", "对话", "対話"),
    ("Part", "角色分配", "役"),
    ("Add to Dialogue", "加入对话", "対話に加える"),
    ("Remove from Dialogue", "从对话移除", "対話から外す"),
    ("Generate Dialogue", "生成对话", "対話を生成"),
    ("Channel", "通道", "チャンネル"),
    ("None", "无", "なし"),
    ("Listening", "聆听", "聴き役"),
    ("The dialogue has no parts", "对话没有任何部分", "対話に役がありません"),
    (
        "A dialogue needs two parts; choose a character and its speech, and press Add for each",
        "对话需要两个部分；请为每个部分选择角色与语音，然后按“加入对话”",
        "対話には役が二つ必要です。キャラクターと音声を選び、それぞれ「対話に加える」を押してください",
    ),
    (
        "Every part of a dialogue needs a character",
        "对话的每个部分都需要角色",
        "対話のどの役にもキャラクターが必要です",
    ),
    ("A dialogue needs a part with speech", "对话至少需要一个有语音的部分", "対話には音声のある役が必要です"),
)

_DIRECTION = (
    ("Transition", "过渡", "トランジション"),
    ("Hold", "保持", "保持"),
    ("Blend", "混合", "ブレンド"),
    ("Still Legs", "双腿不动", "脚を動かさない"),
    ("Gaze Target", "注视目标", "視線ターゲット"),
    ("Solver", "解算器", "ソルバー"),
    ("Full", "完整", "フル"),
    ("Live", "实时", "ライブ"),
    ("Calm", "沉静", "落ち着き"),
    ("Lively", "活泼", "活発"),
    ("Shy", "腼腆", "内気"),
    ("Presenter", "主持人", "司会"),
)

_REST = (
    ("Cache Folder", "缓存文件夹", "キャッシュフォルダー"),
    ("Clear Cache", "清空缓存", "キャッシュをクリア"),
    ("File", "文件", "ファイル"),
    ("Object", "物体", "オブジェクト"),
    ("Track", "轨道", "トラック"),
    ("Target", "目标", "ターゲット"),
    ("Weight", "权重", "ウェイト"),
    ("Corrected", "已更正", "修正済み"),
    ("Finding", "诊断项", "診断項目"),
    ("The microphone is off", "麦克风已关闭", "マイクはオフです"),
    ("Choose at least one format", "请至少选择一种格式", "フォーマットを一つ以上選んでください"),
    ("Choose the folder of the exported files", "请选择导出文件的文件夹", "エクスポート先のフォルダーを選んでください"),
    (
        "Choose an audio file with speech first",
        "请先选择含语音的音频文件",
        "先に音声の入ったオーディオファイルを選んでください",
    ),
    (
        "Choose a character first, or add the default one",
        "请先选择角色，或添加默认角色",
        "先にキャラクターを選ぶか、標準キャラクターを追加してください",
    ),
)

_FINDINGS = (
    (
        "Music or a steady tone was detected ({seconds} s of it, from {start} s): the lips may follow it.",
        "检测到音乐或持续的音调（共 {seconds} 秒，从 {start} 秒起）：嘴唇可能随之而动。",
        "音楽か一定の音を検出しました（{start} 秒から計 {seconds} 秒）。唇がそれに従うことがあります。",
    ),
    (
        "Two speakers were detected ({count} turns): one face would speak both.",
        "检测到两位说话人（{count} 段）：一张脸会说出两人的内容。",
        "二人の話者を検出しました（{count} 回交代）。一つの顔が二人分を話すことになります。",
    ),
    ("Add Markers", "添加标记", "マーカーを追加"),
)

_CAPTURE = (
    ("Splat Head", "高斯头部", "スプラット頭部"),
    ("Capture Splat Head", "采集高斯头部", "スプラット頭部を撮影"),
    ("Fit Splat Head", "拟合高斯头部", "スプラット頭部を作成"),
    ("Capture", "采集设置", "撮影設定"),
    ("Capture Folder", "采集文件夹", "撮影フォルダー"),
    ("Cameras", "摄像机数", "カメラ数"),
    ("Expressions", "表情数", "表情数"),
    ("Size", "尺寸", "サイズ"),
    ("Samples", "采样", "サンプル数"),
    ("Render Engine", "渲染引擎", "レンダーエンジン"),
    ("Cycles", "Cycles", "Cycles"),
    ("EEVEE", "EEVEE", "EEVEE"),
    ("Gaussians", "高斯数", "ガウシアン数"),
    ("Iterations", "迭代次数", "反復回数"),
    (
        "Capture the character first, or choose the folder of a capture",
        "请先采集角色，或选择一个采集文件夹",
        "先にキャラクターを撮影するか、撮影フォルダーを選んでください",
    ),
)

ROWS = (*_TAKES, *_POLISH, *_DIALOGUE, *_DIRECTION, *_REST, *_FINDINGS, *_CAPTURE)

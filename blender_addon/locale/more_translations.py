"""More of what the extension says in other languages, in rows as in `translations`: takes, polish, dialogue."""

from __future__ import annotations

_TAKES = (
    ("Takes", "表演", "テイク"),
    ("Take", "表演", "テイク"),
    ("Name", "名称", "名前"),
    ("Show Take", "显示表演", "テイクを表示"),
    ("Rename Take", "重命名表演", "テイクの名前を変更"),
    ("Delete Take", "删除表演", "テイクを削除"),
    ("Run Again", "再次生成", "もう一度生成"),
    ("Another Take", "另一个表演", "別のテイク"),
    ("Other Take", "另一个表演", "もう一方のテイク"),
    ("Bake Take", "烘焙表演", "テイクをベイク"),
    ("Bake to Keys", "烘焙为关键帧", "キーにベイク"),
    ("To NLA", "放入 NLA", "NLA に置く"),
    ("Into", "烘焙为", "ベイク先"),
    ("Plain Keys", "普通关键帧", "通常のキー"),
    ("NLA Strip", "NLA 片段", "NLA ストリップ"),
    ("Keep My Edits", "保留我的修改", "手直しを残す"),
    ("Retime", "重新对时", "時間を合わせ直す"),
    (
        "The frame rate of the scene was changed since.",
        "此后场景的帧率已更改。",
        "その後シーンのフレームレートが変わりました。",
    ),
    ("No takes yet: press Generate.", "还没有表演：请按“生成”。", "テイクはまだありません。「生成」を押してください。"),
    (
        "There is no take yet; press Generate",
        "还没有表演；请按“生成”",
        "テイクはまだありません。「生成」を押してください",
    ),
    (
        "There is only one take; press Another Take first",
        "只有一个表演；请先按“另一个表演”",
        "テイクは一つだけです。先に「別のテイク」を押してください",
    ),
    (
        "No take plays: press Generate, or choose one in Takes.",
        "没有正在播放的表演：请按“生成”，或在“表演”中选择一个。",
        "再生中のテイクがありません。「生成」を押すか、「テイク」で選んでください。",
    ),
    (
        "No take plays; press Generate, or choose a take",
        "没有正在播放的表演；请按“生成”或选择一个表演",
        "再生中のテイクがありません。「生成」を押すか、テイクを選んでください",
    ),
)

_POLISH = (
    ("Polish", "润色", "仕上げ"),
    ("Region", "部位", "部位"),
    ("Regions", "部位", "部位"),
    ("Smoothing", "平滑", "平滑化"),
    ("Smoothing (ms)", "平滑（毫秒）", "平滑化（ミリ秒）"),
    ("Exaggeration", "夸张", "誇張"),
    ("Offset", "偏移", "ずらし"),
    ("Keys", "关键帧", "キー"),
    ("Keys per Second", "每秒关键帧数", "毎秒のキー数"),
    ("Bezier", "贝塞尔", "ベジェ"),
    ("Linear", "线性", "リニア"),
    ("My Edits", "我的修改", "手直し"),
    ("New takes", "新表演", "新しいテイク"),
    ("On a New Take", "用于新表演时", "新しいテイクでは"),
    ("Add", "叠加", "加算"),
    ("Replace", "替换", "置き換え"),
    ("Revert My Edits", "还原我的修改", "手直しを元に戻す"),
    ("From Frame", "起始帧", "開始フレーム"),
    ("To Frame", "结束帧", "終了フレーム"),
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
    ("listens", "聆听", "聴き役"),
    ("The dialogue has no parts", "对话中没有角色", "対話に役がありません"),
    (
        "A dialogue needs two parts; choose a character and its voice, and press Add for each",
        "对话需要两个角色；请为每个角色选择人物与语音，然后按“加入对话”",
        "対話には役が二つ必要です。キャラクターと音声を選び、それぞれ「対話に加える」を押してください",
    ),
    (
        "Every part of a dialogue needs a character",
        "对话的每个部分都需要角色",
        "対話のどの役にもキャラクターが必要です",
    ),
    ("One part of a dialogue needs a voice", "对话至少需要一个语音", "対話には少なくとも一つの音声が必要です"),
)

_DIRECTION = (
    ("Emotions", "情绪变化", "感情の移り方"),
    ("Hold", "保持", "保持"),
    ("Blend", "过渡", "ブレンド"),
    ("Still Legs", "双腿不动", "脚を動かさない"),
    ("Look At", "注视", "視線の先"),
    ("Variant", "方式", "方式"),
    ("Full", "完整", "全体"),
    ("Live", "实时", "ライブ"),
    ("Calm", "沉静", "落ち着き"),
    ("Lively", "活泼", "活発"),
    ("Shy", "腼腆", "内気"),
    ("Presenter", "主持人", "司会"),
)

_REST = (
    ("Cache Folder", "缓存文件夹", "キャッシュフォルダー"),
    ("Clear Cache", "清除缓存", "キャッシュを消去"),
    ("File", "文件", "ファイル"),
    ("Object", "物体", "オブジェクト"),
    ("Track", "轨道", "トラック"),
    ("Target", "目标", "対象"),
    ("Weight", "权重", "ウェイト"),
    ("Corrected", "已更正", "修正済み"),
    ("Finding", "诊断项", "診断項目"),
    ("The microphone is off", "麦克风已关闭", "マイクはオフです"),
    ("Choose at least one format", "请至少选择一种格式", "形式を一つ以上選んでください"),
    (
        "Choose the folder that the files go into",
        "请选择存放文件的文件夹",
        "ファイルを入れるフォルダーを選んでください",
    ),
    (
        "A performance is being made already; wait for it or cancel it first",
        "正在生成表演；请等待或先取消",
        "すでに演技を生成中です。待つか、先に取り消してください",
    ),
    (
        "Choose a sound file with a voice first",
        "请先选择含语音的声音文件",
        "先に声の入った音声ファイルを選んでください",
    ),
    (
        "Choose a character first, or add the default one",
        "请先选择角色，或添加默认角色",
        "先にキャラクターを選ぶか、標準キャラクターを追加してください",
    ),
)

_FINDINGS = (
    (
        "Music or a steady tone is heard beside the voice ({seconds} s of it, from {start} s): the lips may follow it.",
        "语音旁可听到音乐或持续的音调（共 {seconds} 秒，从 {start} 秒起）：嘴唇可能随之而动。",
        "声のほかに音楽か一定の音が聞こえます（{start} 秒から計 {seconds} 秒）。唇がそれに従うことがあります。",
    ),
    (
        "It sounds as if two people speak in turns ({count} turns): one face would say it all.",
        "听起来像是两个人轮流说话（{count} 段）：一张脸会说出全部内容。",
        "二人が交互に話しているようです（{count} 回）。一つの顔がすべてを話すことになります。",
    ),
    ("Mark", "标记", "マークする"),
)

_CAPTURE = (
    ("Splat Head", "高斯头部", "スプラット頭部"),
    ("Capture for a Splat Head", "为高斯头部采集", "スプラット頭部用に撮影"),
    ("Fit Splat Head", "拟合高斯头部", "スプラット頭部を作成"),
    ("Capture", "采集设置", "撮影設定"),
    ("Capture Folder", "采集文件夹", "撮影フォルダー"),
    ("Cameras", "摄像机数", "カメラ数"),
    ("Faces", "表情数", "表情数"),
    ("Size", "尺寸", "サイズ"),
    ("Samples", "采样数", "サンプル数"),
    ("Engine", "渲染引擎", "レンダーエンジン"),
    ("Cycles", "Cycles", "Cycles"),
    ("EEVEE", "EEVEE", "EEVEE"),
    ("Gaussians", "高斯数", "ガウシアン数"),
    ("Steps", "步数", "ステップ数"),
    (
        "Capture the character first, or choose the folder of a capture",
        "请先采集角色，或选择一个采集文件夹",
        "先にキャラクターを撮影するか、撮影フォルダーを選んでください",
    ),
)

ROWS = (*_TAKES, *_POLISH, *_DIALOGUE, *_DIRECTION, *_REST, *_FINDINGS, *_CAPTURE)

// The review page: a list of lines, the worst first, of which only what is seen is in the document; and the chosen line.
"use strict";
window.animcore = (() => {
  // What a row holds, in the order of `rows.py`.
  const NAME = 0, ID = 1, LANGUAGE = 2, SPEAKER = 3, QUALITY = 4, REASON = 5, KINDS = 6, SECONDS = 7, STATUS = 8, TEXT = 9,
    AUDIO = 10, WORST = 11, EDITED = 12;
  const ROW = 46, BEYOND = 6; // pixels; rows above and below what is seen
  const KEPT = 300; // details in memory
  const AROUND = 0.7; // seconds that are played to each side of an instant
  const at = id => document.getElementById(id);
  const SHAPES = ["eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"];
  const places = new Map(SHAPES.map((name, place) => [name, place]));

  let config, head = null, headData = null, shown = [], chosen = -1, until = Infinity, auto = false, dirty = true;
  const rows = [], verdicts = new Map(), details = new Map(), asked = new Set(), elements = [];
  const began = performance.now();

  // --- data -------------------------------------------------------------------------------------------------------
  function script(name) {
    const one = document.createElement("script");
    one.src = `report/${name}`;
    one.onerror = () => trouble(`${name} could not be loaded. ${config && config.live ? "Does the server still run?" : "Keep the folder report beside report.html."}`);
    document.head.append(one);
  }

  function onConfig(given) {
    config = given;
    document.title = `${config.title}: review`;
    at("title").textContent = config.title;
    for (const [place, verdict, note] of config.verdicts) verdicts.set(place, { verdict, note });
    if (!config.live) restore();
    at("save").hidden = config.live;
    const parts = Math.ceil(config.count / config.rowsAtOnce);
    for (let part = 0; part < parts; part++) script(`rows-${part}.js`);
    if (!parts) ready();
  }

  function onRows(number, part) {
    part.forEach((row, index) => { rows[number * config.rowsAtOnce + index] = row; });
    onRows.count = (onRows.count || 0) + part.length;
    if (number === 0) { filter(); choose(0, false); document.body.dataset.first = Math.round(performance.now() - began); }
    if (onRows.count === config.count) ready();
  }

  function ready() {
    fill("reason", "Any reason", config.kinds.map(([kind, label], place) => [String(place), label, rows.reduce((sum, row) => sum + row[KINDS].includes(place), 0)]));
    fill("speaker", "Any speaker", counted(SPEAKER));
    fill("language", "Any language", counted(LANGUAGE));
    filter();
    if (chosen < 0) choose(0, false);
    document.body.dataset.ready = Math.round(performance.now() - began);
    script("head-data.js"); // the list first: a head takes a third of a second to unpack
  }

  function counted(column) {
    const found = new Map();
    for (const row of rows) if (row[column]) found.set(row[column], (found.get(row[column]) || 0) + 1);
    return [...found].sort((a, b) => a[0].localeCompare(b[0])).map(([name, count]) => [name, name, count]);
  }

  function fill(id, any, options) {
    const select = at(id), before = select.value;
    select.replaceChildren(new Option(any, ""), ...options.filter(one => one[2]).map(([value, label, count]) => new Option(`${label} (${count})`, value)));
    select.value = before;
    select.hidden = select.options.length < 2;
  }

  function onDetails(first, part) {
    part.forEach((one, index) => details.set(first + index, unpack(one)));
    for (const place of [...details.keys()].slice(0, Math.max(0, details.size - KEPT)))
      if (place !== current()) { details.delete(place); asked.delete(Math.floor(place / config.detailsAtOnce)); }
    show();
  }

  function unpack(one) {
    const bytes = text => Uint8Array.from(atob(text), sign => sign.charCodeAt(0));
    if (one.peaks) one.unpackedPeaks = new Int8Array(bytes(one.peaks).buffer);
    if (one.frames) {
      const weights = bytes(one.weights), opening = bytes(one.opening), count = one.shapes.length;
      one.turns = new Int8Array(bytes(one.head).buffer);
      one.weight = (frame, column) => weights[frame * count + column] / 255;
      one.lines = [{ label: "lips apart (0–20 mm)", most: 160, values: frame => opening[frame] },
        ...one.curves.map(column => ({ label: SHAPES[one.shapes[column]], most: 1, values: frame => one.weight(frame, column) }))];
    }
    return one;
  }

  function ask(place) {
    if (place < 0 || place >= config.count || (!config.live && place >= config.shown)) return;
    const number = Math.floor(place / config.detailsAtOnce);
    if (details.has(place) || asked.has(number)) return;
    asked.add(number);
    script(`details-${number}.js`);
  }

  // --- list -------------------------------------------------------------------------------------------------------
  function filter() {
    const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const reason = at("reason").value, speaker = at("speaker").value, language = at("language").value, verdict = at("verdict").value;
    const keep = current();
    shown = [];
    for (let place = 0; place < rows.length; place++) {
      const row = rows[place];
      if (!row) continue;
      if (reason && !row[KINDS].includes(+reason)) continue;
      if (speaker && row[SPEAKER] !== speaker) continue;
      if (language && row[LANGUAGE] !== language) continue;
      if (verdict && !judged(place, verdict)) continue;
      if (words.length) {
        const text = `${row[NAME]} ${row[TEXT]} ${row[REASON]} ${row[SPEAKER]}`.toLowerCase();
        if (!words.every(word => text.includes(word))) continue;
      }
      shown.push(place);
    }
    chosen = shown.indexOf(keep);
    at("spacer").style.height = `${shown.length * ROW}px`;
    at("empty").hidden = shown.length > 0;
    at("empty").textContent = rows.length ? "No line matches these filters." : "This batch has no lines yet.";
    count();
    list();
    if (chosen < 0 && shown.length) choose(0, false);
    if (!shown.length) show();
  }

  function judged(place, wanted) {
    const one = verdicts.get(place) || { verdict: "", note: "" };
    return wanted === "open" ? !one.verdict : wanted === "note" ? Boolean(one.note) : one.verdict === wanted;
  }

  function count() {
    let done = 0;
    for (const one of verdicts.values()) done += Boolean(one.verdict);
    const all = config.count.toLocaleString("en");
    at("count").textContent = `${done.toLocaleString("en")} of ${all} judged${shown.length < config.count ? ` · ${shown.length.toLocaleString("en")} shown` : ""}`;
    at("bar").style.width = `${100 * done / Math.max(config.count, 1)}%`;
  }

  function element() {
    const row = document.createElement("div");
    row.className = "row";
    row.setAttribute("role", "option");
    row.innerHTML = '<div class="q"></div><div class="what"><div class="id"><b></b><span></span></div><div class="reason"></div></div><div class="time"></div><div class="mark"></div>';
    row.addEventListener("mousedown", () => { choose(+row.dataset.index); });
    at("spacer").append(row);
    const [q, what, time, mark] = row.children;
    return { row, q, name: what.firstChild.firstChild, facts: what.firstChild.lastChild, reason: what.lastChild, time, mark };
  }

  function list() {
    const box = at("list"), first = Math.max(0, Math.floor(box.scrollTop / ROW) - BEYOND);
    const last = Math.min(shown.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + BEYOND);
    while (elements.length < last - first) elements.push(element());
    elements.forEach((one, number) => {
      const index = first + number, place = shown[index];
      one.row.hidden = index >= last;
      if (index >= last) return;
      const row = rows[place], said = verdicts.get(place), bad = row[STATUS] !== "done" || row[QUALITY] < 40;
      one.row.style.transform = `translateY(${index * ROW}px)`;
      one.row.dataset.index = index;
      one.row.className = `row ${index === chosen ? "chosen" : ""} ${said ? said.verdict : ""}`;
      one.row.setAttribute("aria-selected", index === chosen);
      one.q.className = `q ${bad ? "bad" : row[QUALITY] < 85 ? "fair" : ""}`;
      one.q.textContent = row[STATUS] === "done" ? row[QUALITY] : "–";
      one.name.textContent = row[ID] || row[NAME];
      one.facts.textContent = [row[LANGUAGE], row[SPEAKER], row[EDITED] ? "edited" : ""].filter(Boolean).join(" · ");
      one.reason.textContent = row[REASON] || row[TEXT] || "Nothing was found.";
      one.time.textContent = row[SECONDS] ? `${row[SECONDS].toFixed(1)} s` : "";
      one.mark.textContent = said ? { good: "✓", redo: "↻", "": said.note ? "✎" : "" }[said.verdict] : "";
    });
  }

  const current = () => (chosen >= 0 && chosen < shown.length ? shown[chosen] : -1);

  function choose(index, plays = auto) {
    if (!shown.length) return;
    keepNote();
    chosen = Math.max(0, Math.min(index, shown.length - 1));
    const box = at("list"), top = chosen * ROW;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
    const audio = at("audio"), place = current(), row = rows[place];
    audio.pause();
    audio.src = config.live ? `report/audio-${place}` : row[AUDIO].split("/").map(encodeURIComponent).join("/").replace(/^file%3A/, "file:");
    until = Infinity;
    second = row[WORST];
    audio.onloadedmetadata = () => { audio.currentTime = Math.min(second, Math.max(audio.duration - 0.01, 0)); if (plays) play(); };
    ask(place);
    if (chosen + 1 < shown.length) ask(shown[chosen + 1]);
    list();
    show();
  }

  // --- the chosen line ----------------------------------------------------------------------------------------------
  let second = 0;

  function show() {
    const place = current();
    at("line").hidden = place < 0;
    at("nothing").hidden = place >= 0;
    if (place < 0) return;
    const row = rows[place], one = details.get(place), said = verdicts.get(place) || { verdict: "", note: "" };
    at("id").textContent = row[ID] || row[NAME];
    at("facts").textContent = [row[NAME] !== row[ID] ? row[NAME] : "", row[LANGUAGE], row[SPEAKER], row[SECONDS] ? `${row[SECONDS].toFixed(2)} s` : "", `quality ${row[QUALITY]}`, row[EDITED] ? "hand edits" : ""].filter(Boolean).join("  ·  ");
    at("why").textContent = row[REASON] || "Nothing was found.";
    at("why").className = row[REASON] ? "" : "fine";
    at("good").className = `good ${said.verdict === "good" ? "on" : ""}`;
    at("redo").className = `redo ${said.verdict === "redo" ? "on" : ""}`;
    if (document.activeElement !== at("note")) at("note").value = said.note;
    text(row, one);
    findings(one);
    figures(one);
    at("notes").textContent = one ? one.notes.join("\n") : !config.live && place >= config.shown ? "This line has no details in this report; animcore batch report --details all writes those of every line." : "";
    at("legend").replaceChildren(...(one && one.lines || []).map((line, number) => {
      const item = document.createElement("span"), colour = document.createElement("i");
      colour.style.background = AnimcoreDrawing.COLOURS[number % AnimcoreDrawing.COLOURS.length];
      item.append(colour, line.label);
      return item;
    }));
    const has = Boolean(one && one.frames && head), still = config.live || config.images.includes(place);
    at("head").hidden = !has;
    at("image").hidden = has || !still;
    if (!has && still && (config.live ? one : true)) at("image").src = `report/image-${place}.png`;
    dirty = true;
  }

  function text(row, one) {
    const heard = one && one.words ? [...one.words] : null, parts = row[TEXT].split(/\s+/).filter(Boolean);
    const matched = new Array(parts.length).fill(null);
    if (heard) for (let word = parts.length - 1, from = heard.length - 1; from >= 0 && word >= 0; word--)
      if (heard[from][0] === parts[word]) matched[word] = heard[from--];
    at("text").replaceChildren(...parts.flatMap((label, index) => {
      const item = document.createElement("span"), time = matched[index];
      item.textContent = label;
      if (time) { item.dataset.start = time[1]; item.dataset.end = time[2]; item.onclick = () => around(time[1] + 0.2, 0.35); }
      else if (heard && heard.length && !/^[\[(]/.test(label)) { item.className = "gone"; item.title = "This word is not heard"; }
      return [item, " "];
    }));
  }

  function findings(one) {
    at("findings").replaceChildren(...(one ? one.findings : []).map((fault, index) => {
      const item = document.createElement("li");
      item.className = fault.severity > 0.5 ? "grave" : "";
      for (const [kind, content] of [["kbd", index < 9 ? String(index + 1) : "·"], ["tag", fault.label], ["said", fault.sentence], ["at", `${fault.worst.toFixed(2)} s`]]) {
        const part = document.createElement(kind === "kbd" ? "kbd" : "span");
        part.className = kind === "kbd" ? "" : kind;
        part.textContent = content;
        item.append(part);
      }
      item.onclick = () => around(fault.worst);
      return item;
    }));
  }

  function figures(one) {
    const pairs = one ? [...Object.entries(one.scores), ...Object.entries(one.carried), ...Object.entries(one.files)] : [];
    at("scores").replaceChildren(...pairs.map(([name, value]) => {
      const item = document.createElement("div"), term = document.createElement("dt"), content = document.createElement("dd");
      term.textContent = name.replaceAll("_", " ");
      content.textContent = value;
      item.append(term, content);
      return item;
    }));
  }

  function frame() {
    requestAnimationFrame(frame);
    const audio = at("audio"), place = current();
    if (!audio.paused) {
      second = audio.currentTime;
      dirty = true;
      if (second >= until) { audio.pause(); until = Infinity; }
    }
    if (!dirty || place < 0) return;
    dirty = false;
    const row = rows[place], one = details.get(place) || { words: [] };
    const length = Math.max(one.seconds || row[SECONDS], 0.1);
    const view = width => ({ seconds: length, x: time => time / length * width });
    AnimcoreDrawing.wave(at("wave"), view, one, one.findings || [], second);
    AnimcoreDrawing.curves(at("curves"), view, one, one.findings || [], second);
    at("clock").textContent = `${second.toFixed(2)} / ${length.toFixed(2)} s`;
    at("second").textContent = `${(at("head").hidden ? row[WORST] : second).toFixed(2)} s`;
    at("play").lastChild.textContent = audio.paused ? "Play" : "Pause";
    for (const item of at("text").children)
      if (item.dataset.start) item.classList.toggle("now", second >= +item.dataset.start && second < +item.dataset.end);
    if (head && one.frames) pose(one);
  }

  function pose(one) {
    const where = Math.max(0, Math.min((second - one.start) * one.rate, one.frames - 1));
    const before = Math.floor(where), after = Math.min(before + 1, one.frames - 1), share = where - before;
    const between = value => value(before) * (1 - share) + value(after) * share;
    const weights = new Map(one.shapes.map((shape, column) => [shape, between(number => one.weight(number, column))]));
    head.draw(weights, [0, 1, 2].map(axis => between(number => one.turns[3 * number + axis]) / 127 * Math.PI));
  }

  function play() { at("audio").play().catch(() => trouble("The recording cannot be played: it is not where the batch had it, or of a kind that this browser does not play.")); }
  function toggle() { until = Infinity; const audio = at("audio"); if (audio.paused) { if (audio.ended) audio.currentTime = 0; play(); } else audio.pause(); dirty = true; }
  function seek(time) { const audio = at("audio"); second = Math.max(0, time); if (audio.readyState) audio.currentTime = second; dirty = true; }
  function around(time, reach = AROUND) { seek(time - reach); until = time + reach; play(); }

  // --- verdicts ---------------------------------------------------------------------------------------------------
  function judge(verdict) {
    const place = current();
    if (place < 0) return;
    const before = verdicts.get(place) || { verdict: "", note: "" };
    keep(place, { ...before, verdict, note: at("note").value });
    if (verdict) {
      const index = chosen; // a line that the filter drops leaves its place to the next one
      if (at("verdict").value) { filter(); choose(index); } else choose(index + 1);
    }
  }

  function keepNote() {
    const place = current();
    if (place < 0) return;
    const before = verdicts.get(place) || { verdict: "", note: "" };
    if (at("note").value !== before.note) keep(place, { ...before, note: at("note").value });
  }

  function keep(place, said) {
    const before = verdicts.get(place);
    verdicts.set(place, said);
    count();
    list();
    show();
    if (!config.live) { store(); return; }
    fetch("verdict", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ place, ...said }) })
      .then(async answer => { if (!answer.ok) throw new Error((await answer.json()).error || "The server refused it."); })
      .catch(error => {
        if (before) verdicts.set(place, before); else verdicts.delete(place);
        count(); list(); show();
        trouble(`The verdict was not kept: ${error.message === "Failed to fetch" ? "the server does not answer; start animcore batch review again." : error.message}`);
      });
  }

  const key = () => `animcore-review ${location.pathname}`;
  function store() {
    const said = [...verdicts].map(([place, one]) => [rows[place][NAME], one.verdict, one.note]);
    try { localStorage.setItem(key(), JSON.stringify(said)); } catch { trouble("This browser keeps nothing: save verdicts.csv before you leave the page."); }
  }
  function restore() {
    try { restore.kept = JSON.parse(localStorage.getItem(key()) || "[]"); } catch { restore.kept = []; }
  }
  function restored() {
    const byName = new Map(rows.map((row, place) => [row[NAME], place]));
    for (const [name, verdict, note] of restore.kept || []) if (byName.has(name)) verdicts.set(byName.get(name), { verdict, note });
  }

  function save() {
    keepNote();
    const cell = value => { const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value; return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe; };
    const now = new Date().toISOString().replace(/\.\d+Z/, "Z");
    const written = [...verdicts].filter(([, one]) => one.verdict || one.note).map(([place, one]) => [rows[place][NAME], rows[place][ID], rows[place][LANGUAGE], one.verdict, one.note, now].map(cell).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeffname,id,language,verdict,note,when\r\n", written.join("\r\n"), "\r\n"], { type: "text/csv" }));
    link.download = "verdicts.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function trouble(sentence) {
    at("trouble").textContent = sentence;
    at("trouble").hidden = false;
    clearTimeout(trouble.timer);
    trouble.timer = setTimeout(() => { at("trouble").hidden = true; }, 9000);
  }

  // --- keys and buttons ---------------------------------------------------------------------------------------------
  const KEYS = {
    j: () => choose(chosen + 1), ArrowDown: () => choose(chosen + 1), k: () => choose(chosen - 1), ArrowUp: () => choose(chosen - 1),
    PageDown: () => choose(chosen + 12), PageUp: () => choose(chosen - 12), Home: () => choose(0), End: () => choose(shown.length - 1),
    g: () => judge("good"), r: () => judge("redo"), u: () => judge(""), n: () => at("note").focus(), " ": toggle,
    w: () => around(rows[current()][WORST]), "/": () => at("search").focus(), "?": () => at("help").showModal(),
    ArrowLeft: event => step(event.shiftKey ? -0.5 : -1 / 30), ArrowRight: event => step(event.shiftKey ? 0.5 : 1 / 30),
    s: () => { const box = at("speed"); box.selectedIndex = (box.selectedIndex + 1) % box.options.length; speed(); },
    a: () => { auto = !auto; at("auto").textContent = auto ? "on" : "off"; trouble(auto ? "Each line is played when it is chosen." : "Lines are no longer played by themselves."); },
  };
  function step(by) { at("audio").pause(); seek(second + by); }
  function speed() { at("audio").playbackRate = +at("speed").value; at("audio").preservesPitch = true; }

  function onKey(event) {
    const typing = /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (at("help").open || event.ctrlKey && event.key !== "Enter" || event.metaKey || event.altKey) return;
    if (typing) {
      if (event.key === "Escape" || event.key === "Enter" && (event.ctrlKey || document.activeElement.id === "search")) { document.activeElement.blur(); event.preventDefault(); }
      return;
    }
    if (document.activeElement.tagName === "SELECT" && event.key !== "Escape") { if (/^(Arrow|Home|End|Page| )/.test(event.key)) return; }
    if (document.activeElement.tagName === "BUTTON" && event.key === " ") document.activeElement.blur();
    const one = details.get(current());
    if (/^[1-9]$/.test(event.key) && one && one.findings[+event.key - 1]) around(one.findings[+event.key - 1].worst);
    else if (KEYS[event.key] || KEYS[event.key.toLowerCase()]) (KEYS[event.key] || KEYS[event.key.toLowerCase()])(event);
    else return;
    event.preventDefault();
  }

  function listen() {
    document.addEventListener("keydown", onKey);
    at("list").addEventListener("scroll", () => requestAnimationFrame(list), { passive: true });
    addEventListener("resize", () => { list(); dirty = true; });
    for (const id of ["reason", "speaker", "language", "verdict"]) at(id).addEventListener("change", () => { filter(); at("list").scrollTop = Math.max(0, chosen * ROW - 200); list(); at(id).blur(); });
    at("search").addEventListener("input", filter);
    at("note").addEventListener("blur", keepNote);
    at("good").onclick = () => judge("good");
    at("redo").onclick = () => judge("redo");
    at("clear").onclick = () => judge("");
    at("play").onclick = toggle;
    at("worst").onclick = KEYS.w;
    at("save").onclick = save;
    at("keys").onclick = KEYS["?"];
    at("speed").onchange = speed;
    at("audio").onloadeddata = speed;
    addEventListener("beforeunload", keepNote);
    for (const id of ["wave", "curves"]) at(id).addEventListener("pointerdown", event => {
      const place = current(), one = details.get(place), length = one && one.seconds || rows[place][SECONDS];
      const to = pointer => seek(Math.min(1, Math.max(0, (pointer.clientX - at(id).getBoundingClientRect().left) / at(id).clientWidth)) * length);
      to(event);
      at(id).setPointerCapture(event.pointerId);
      at(id).onpointermove = to;
      at(id).onpointerup = () => { at(id).onpointermove = null; };
    });
    frame();
  }

  function onHead(data) {
    headData = data;
    try { head = new AnimcoreHead(at("head"), headData, places); } catch { head = null; }
    show();
  }

  listen();
  return {
    config: onConfig, head: onHead, details: onDetails,
    rows: (number, part) => { onRows(number, part); if (document.body.dataset.ready && restore.kept) { restored(); restore.kept = null; count(); list(); show(); } },
    get state() { return { shown: shown.length, chosen: current(), second, verdicts: verdicts.size, head: Boolean(head), details: details.size }; },
  };
})();

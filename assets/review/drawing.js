// Waveform with words, and curves: on canvases as sharp as the screen, with the faults shaded and the playhead.
"use strict";
window.AnimcoreDrawing = (() => {
  const COLOURS = ["#8ab4ff", "#f2bd62", "#55c795", "#d692e6", "#ff8270", "#6fd3e0", "#c9d16b"];
  const style = { wave: "#5f7fae", words: "#c9cfda", faint: "#333944", fault: "#ff827030", edge: "#ff8270", head: "#ffffff" };

  function sharp(canvas) {
    const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    return { context, width, height };
  }

  function shade(context, view, height, faults) {
    for (const fault of faults) {
      const left = view.x(fault.start), right = Math.max(view.x(fault.end), left + 3);
      if (fault.end - fault.start > 0.9 * view.seconds) continue; // the whole line: it would say nothing
      context.fillStyle = style.fault;
      context.fillRect(left, 0, right - left, height);
    }
    if (faults.length) {
      context.fillStyle = style.edge;
      context.fillRect(view.x(faults[0].worst) - 0.75, 0, 1.5, height);
    }
  }

  function seconds(context, view, width, height) {
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find(one => view.seconds / one <= Math.max(width / 70, 1)) || 60;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "left";
    for (let at = 0; at <= view.seconds; at += step) {
      context.fillStyle = style.faint;
      context.fillRect(Math.round(view.x(at)), 0, 1, height);
      context.fillStyle = "#6f7887";
      context.fillText(`${+at.toFixed(2)} s`, view.x(at) + 4, height - 5);
    }
  }

  function playhead(context, view, height, second) {
    context.fillStyle = style.head;
    context.fillRect(view.x(second) - 0.75, 0, 1.5, height);
  }

  function wave(canvas, view, detail, faults, second) {
    const { context, width, height } = sharp(canvas);
    view = view(width);
    shade(context, view, height, faults);
    seconds(context, view, width, height);
    const peaks = detail.unpackedPeaks, top = 26, middle = top + (height - top - 18) / 2, reach = (height - top - 22) / 2;
    context.fillStyle = style.wave;
    if (peaks) {
      const count = peaks.length / 2, end = Math.min(view.seconds, 120);
      for (let index = 0; index < count; index++) {
        const left = view.x(index / count * end), right = view.x((index + 1) / count * end);
        const low = peaks[2 * index] / 127 * reach, high = peaks[2 * index + 1] / 127 * reach;
        context.fillRect(left, middle - high, Math.max(right - left, 0.7), Math.max(high - low, 1));
      }
    }
    words(context, view, detail.words || [], second);
    playhead(context, view, height, second);
  }

  function words(context, view, list, second) {
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    let free = -1e9;
    for (const [label, start, end] of list) {
      const left = view.x(start), right = view.x(end), now = second >= start && second < end;
      context.fillStyle = now ? "#33497a" : "#262b34";
      context.beginPath();
      context.roundRect(left + 0.5, 4, Math.max(right - left - 1, 2), 18, 4);
      context.fill();
      const size = context.measureText(label).width, middle = (left + right) / 2;
      if (middle - size / 2 > free) {
        context.fillStyle = now ? "#fff" : style.words;
        context.fillText(label, middle, 17);
        free = middle + size / 2 + 3;
      }
    }
  }

  function curves(canvas, view, detail, faults, second) {
    const { context, width, height } = sharp(canvas);
    view = view(width);
    shade(context, view, height, faults);
    seconds(context, view, width, height);
    if (detail.frames) {
      const top = 8, reach = height - top - 20;
      detail.lines.forEach(({ values, most }, number) => {
        context.strokeStyle = COLOURS[number % COLOURS.length];
        context.globalAlpha = number ? 0.85 : 1;
        context.lineWidth = number ? 1.25 : 2;
        context.beginPath();
        for (let frame = 0; frame < detail.frames; frame++)
          context.lineTo(view.x(detail.start + frame / detail.rate), top + reach * (1 - Math.min(values(frame) / most, 1)));
        context.stroke();
      });
      context.globalAlpha = 1;
    }
    playhead(context, view, height, second);
  }

  return { wave, curves, COLOURS };
})();

// Which part of a chosen picture is shown to others: a square that is dragged, zoomed and moved by keys over the picture,
// told to the server in pixels of the upright picture. What the browser cannot draw is sent as it is.

/** How many pixels of the canvas an arrow key moves it, and how much plus and minus zoom. */
const STEP = 16;
const ZOOM_STEP = 0.25;
const MAX_ZOOM = 5;

export function crop() {
  // Not among the data below: Alpine would watch every pixel of it.
  let picture = null;
  let from = null;
  return {
    closed: true,
    zoom: 1,
    x: 0,
    y: 0,
    size: 0,
    async choose({ target }) {
      picture = null;
      this.closed = true;
      const [file] = target.files;
      if (!file) return;
      try {
        picture = await createImageBitmap(file);
      } catch {
        return;
      }
      const { width, height } = picture;
      this.zoom = 1;
      this.size = Math.min(width, height);
      this.place((width - this.size) / 2, (height - this.size) / 2);
      this.closed = false;
    },
    /** Moves the square, as far as the picture goes, and draws it. */
    place(x, y) {
      this.x = Math.round(Math.min(Math.max(x, 0), picture.width - this.size));
      this.y = Math.round(Math.min(Math.max(y, 0), picture.height - this.size));
      const { canvas } = this.$refs;
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, this.x, this.y, this.size, this.size, 0, 0, canvas.width, canvas.height);
    },
    /** Moves it by pixels of the canvas. */
    move(across, down) {
      const scale = this.size / this.$refs.canvas.clientWidth;
      this.place(this.x + across * scale, this.y + down * scale);
    },
    /** Zooms around its middle. */
    zoomTo(zoom) {
      const middle = [this.x + this.size / 2, this.y + this.size / 2];
      this.zoom = Math.min(Math.max(zoom, 1), MAX_ZOOM);
      this.size = Math.max(1, Math.round(Math.min(picture.width, picture.height) / this.zoom));
      this.place(middle[0] - this.size / 2, middle[1] - this.size / 2);
    },
    slide({ target }) {
      this.zoomTo(Number(target.value));
    },
    wheel(event) {
      event.preventDefault();
      this.zoomTo(this.zoom - Math.sign(event.deltaY) * ZOOM_STEP);
    },
    grab(event) {
      from = event;
      event.target.setPointerCapture(event.pointerId);
    },
    drag(event) {
      if (!from) return;
      this.move(from.clientX - event.clientX, from.clientY - event.clientY);
      from = event;
    },
    drop() {
      from = null;
    },
    key(event) {
      const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
      const zooms = { "+": ZOOM_STEP, "-": -ZOOM_STEP };
      if (moves[event.key]) this.move(...moves[event.key]);
      else if (zooms[event.key]) this.zoomTo(this.zoom + zooms[event.key]);
      else return;
      event.preventDefault();
    },
  };
}

/* QR codes, see qr.h. */
#include <string.h>

#include <qrencode.h>

#include "buf.h"
#include "escape.h"

#include "qr.h"

#define QUIET 4

/* One path for all: runs of dark modules, line by line. */
static void path_write(struct buf *out, const QRcode *qr)
{
	for (int y = 0; y < qr->width; y++) {
		const unsigned char *row = qr->data + y * qr->width;

		for (int x = 0; x < qr->width; x++) {
			int from = x;

			while (x < qr->width && row[x] & 1)
				x++;
			if (x > from)
				buf_fmt(out, "M%d %dh%dv1h-%dz", from + QUIET, y + QUIET, x - from, x - from);
		}
	}
}

enum pli_status qr_svg(struct buf *out, const char *text, const char *label, struct err *err)
{
	QRcode *qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	int side;

	if (!qr)
		return err_set(err, PLI_LIMIT, "This is too long for a QR code.");
	side = qr->width + 2 * QUIET;
	buf_fmt(out, "<svg class=\"qr\" viewBox=\"0 0 %d %d\" role=\"img\" shape-rendering=\"crispEdges\" aria-label=\"", side, side);
	escape_html(out, label, strlen(label));
	buf_fmt(out, "\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"", side, side);
	path_write(out, qr);
	buf_str(out, "\"/></svg>");
	QRcode_free(qr);
	return PLI_OK;
}

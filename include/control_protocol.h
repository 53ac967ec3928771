/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control protocol between monitor_controller and flowgauge: a Unix stream socket; the client writes one JSON
 * object and a newline, the monitor answers with one JSON object and a newline, and closes.
 *
 *   request   {"command":"status"|"stop"|"reload"|"flows"|"probes"|"rates"|"rtt"|"set"|"pause"|"resume",
 *              "top":N, "offset":N, "sort":"KEY", "match":"RULE", "set":{"cutoff":90, ...}}
 *   answer    {"ok":true, ...the command's own members}  or  {"ok":false,"error":"one line","wrong_words":true|false}
 *
 * `wrong_words`: what the request asks for is wrong in itself, such as a key to sort by that there is not. If it is false or not
 * there, the same request may be right another time.
 *
 * `stop` is answered at once; the end of the connection's process, not of the connection, tells that it ended.
 */
#ifndef FLOWGAUGE_CONTROL_PROTOCOL_H
#define FLOWGAUGE_CONTROL_PROTOCOL_H

#define CONTROL_SOCKET_DEFAULT "/run/flowgauge/control.sock"
#define CONTROL_GROUP "flowgauge"
#define CONTROL_LOG_DEFAULT "/var/log/flowgauge.log"
#define CONTROL_REQUEST_MAX 65536 /* bytes of a request, newline included */
#define CONTROL_TIMEOUT_SECONDS 5 /* a client that has not finished its request by then is let go */

/* Exit statuses of both programs; `status` of a monitor that does not run is 3. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_WRONG_WORDS = 2,
	EXIT_NOT_RUNNING = 3,
};

#endif

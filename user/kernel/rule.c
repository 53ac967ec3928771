/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules as text.
 *
 * A rule that is read otherwise than it was meant counts the wrong flows in silence, so whatever has two readings is
 * refused with the reading that would be right: a prefix with host bits, a list with a space in it, a range upside down.
 */
#include "kernel/rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/text.h"

#define WHITE_SPACE " \t\n\v\f\r"
#define DIGITS "0123456789"
#define RULE_FIELDS 5
#define ITEM_SIZE 64  /* an address with its prefix length needs 50 */
#define QUOTE_SIZE 64 /* of what the user wrote, in an error */
#define FORM "\"SRC DST SPORT DPORT PROTO\", with - for any"

static const char *const field_names[RULE_FIELDS] = { "source", "destination", "source port", "destination port",
						      "protocol" };

struct slice {
	const char *start;
	size_t length;
};

/* One field of the rule that is being read. */
struct reading {
	struct rule *rule;
	unsigned int field; /* index of field_names */
	char *error;        /* RULE_ERROR_SIZE bytes */
};

__attribute__((format(printf, 2, 3))) static int refuse(char *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, RULE_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* The slice on one line, cut at a whole character if it is long. */
static const char *quote(struct slice slice, char out[QUOTE_SIZE])
{
	static const char more[] = "...";
	size_t length = slice.length;

	if (length >= QUOTE_SIZE) {
		length = QUOTE_SIZE - sizeof(more);
		while (length && ((unsigned char)slice.start[length] & 0xc0) == 0x80)
			length--;
	}
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)slice.start[i];

		out[i] = strchr(WHITE_SPACE, byte) && byte ? ' ' : byte < ' ' || byte == 0x7f ? '?' : (char)byte;
	}
	strcpy(out + length, length < slice.length ? more : "");
	return out;
}

static bool holds(struct slice slice, const char *characters)
{
	for (size_t i = 0; i < slice.length; i++)
		if (strchr(characters, slice.start[i]))
			return true;
	return false;
}

static bool all_digits(const char *text)
{
	return *text && !text[strspn(text, DIGITS)];
}

/* --- the items of a field --- */

static int refuse_address(const struct reading *reading, const char *item)
{
	return refuse(reading->error,
		      "%s %s is no IPv4 or IPv6 address: 10.0.0.1, 10.0.0.0/8, 2001:db8::/32 or - would be right",
		      field_names[reading->field], item);
}

static void clear_host_bits(struct rule_address *address)
{
	unsigned int whole = address->prefix_length / 8, rest = address->prefix_length % 8;

	if (whole >= sizeof(address->bytes))
		return;
	address->bytes[whole] &= (uint8_t)(0xff00 >> rest);
	memset(address->bytes + whole + 1, 0, sizeof(address->bytes) - whole - 1);
}

static int parse_prefix_length(const struct reading *reading, const char *item, const char *length,
			       struct rule_address *out)
{
	unsigned int bits = out->family == 4 ? 32 : 128;
	uint64_t value = bits;

	if (length && (!all_digits(length) || number_parse_u64(length, 0, bits, &value)))
		return refuse(reading->error, "%s %s has a wrong prefix length: 0 to %u would be right for IPv%u",
			      field_names[reading->field], item, bits, out->family);
	out->prefix_length = (uint8_t)value;
	return 0;
}

static int parse_address(const struct reading *reading, const char *item, struct rule_address *out)
{
	char address[ITEM_SIZE], right[INET6_ADDRSTRLEN];
	uint8_t given[sizeof(out->bytes)];
	char *length;

	strcpy(address, item);
	length = strchr(address, '/');
	if (length)
		*length++ = '\0';
	memset(out, 0, sizeof(*out));
	if (strchr(address, '%'))
		return refuse(reading->error, "%s %s has a zone: %.*s would be right, on every interface",
			      field_names[reading->field], item, (int)strcspn(item, "%"), item);
	if (inet_pton(AF_INET, address, out->bytes) == 1)
		out->family = 4;
	else if (inet_pton(AF_INET6, address, out->bytes) == 1)
		out->family = 6;
	else
		return refuse_address(reading, item);
	if (parse_prefix_length(reading, item, length, out))
		return -EINVAL;
	memcpy(given, out->bytes, sizeof(given));
	clear_host_bits(out);
	if (!memcmp(given, out->bytes, sizeof(given)))
		return 0;
	address_format(out->family, out->bytes, right);
	return refuse(reading->error, "%s %s has host bits set: %s/%u would be right", field_names[reading->field],
		      item, right, out->prefix_length);
}

static int parse_port(const struct reading *reading, const char *item, const char *text, uint16_t *out)
{
	uint64_t value;

	if (!all_digits(text))
		return refuse(reading->error, "%s %s is no port: 80, 1000-2000 or - would be right",
			      field_names[reading->field], item);
	if (number_parse_u64(text, 0, UINT16_MAX, &value))
		return refuse(reading->error, "%s %s is over 65535: 0 to 65535 would be right",
			      field_names[reading->field], item);
	*out = (uint16_t)value;
	return 0;
}

static int parse_ports(const struct reading *reading, const char *item, struct rule_port_range *out)
{
	char low[ITEM_SIZE];
	char *high;

	strcpy(low, item);
	high = strchr(low, '-');
	if (high)
		*high++ = '\0';
	else
		high = low;
	if (parse_port(reading, item, low, &out->low) || parse_port(reading, item, high, &out->high))
		return -EINVAL;
	if (out->low > out->high)
		return refuse(reading->error, "%s %s is upside down: %u-%u would be right", field_names[reading->field],
			      item, out->high, out->low);
	return 0;
}

static int parse_protocol(const struct reading *reading, const char *item, uint8_t *out)
{
	int number = protocol_number(item);

	/* The data base of protocols has the name for number 0, which is not what anybody means. */
	if (!strcasecmp(item, "ip"))
		return refuse(reading->error, "protocol %s is every protocol: - would be right", item);
	if (number < 0 || number > UINT8_MAX)
		return refuse(reading->error,
			      "protocol %s is unknown: a name such as TCP, a number of 0 to 255 or - would be right",
			      item);
	*out = (uint8_t)number;
	return 0;
}

/* --- the fields --- */

static int parse_item(const struct reading *reading, struct slice slice)
{
	struct rule *rule = reading->rule;
	unsigned int end = reading->field % RULE_ENDS;
	char item[ITEM_SIZE], shown[QUOTE_SIZE];

	quote(slice, shown);
	if (slice.length >= sizeof(item))
		return refuse(reading->error, "%s %s is too long: %d characters at most would be right",
			      field_names[reading->field], shown, ITEM_SIZE - 1);
	/* Anything quote() has to change is no part of a valid item. */
	strcpy(item, shown);
	switch (reading->field) {
	case 0:
	case 1:
		return parse_address(reading, item, &rule->addresses[end][rule->address_count[end]++]);
	case 2:
	case 3:
		return parse_ports(reading, item, &rule->ports[end][rule->port_count[end]++]);
	default:
		return parse_protocol(reading, item, &rule->protocols[rule->protocol_count++]);
	}
}

static int parse_list(const struct reading *reading, struct slice list)
{
	const char *name = field_names[reading->field];
	const char *end = list.start + list.length - 1; /* the closing bracket */
	struct slice item = { .start = list.start + 1 };
	unsigned int count = 0;
	char shown[QUOTE_SIZE];

	if (list.length == 2)
		return refuse(reading->error, "%s [] is an empty list: - would be right for any", name);
	for (; item.start <= end; item.start += item.length + 1) {
		const char *comma = memchr(item.start, ',', (size_t)(end - item.start));

		item.length = (size_t)((comma ? comma : end) - item.start);
		if (!item.length)
			return refuse(reading->error, "%s %s has an empty item: [a,b] would be right", name,
				      quote(list, shown));
		if (item.length == 1 && *item.start == '-')
			return refuse(reading->error, "%s %s has - in a list: - alone would be right for any", name,
				      quote(list, shown));
		if (++count > RULE_ITEMS_MAX)
			return refuse(reading->error, "%s list has more than %d items: two rules would be right", name,
				      RULE_ITEMS_MAX);
		if (parse_item(reading, item))
			return -EINVAL;
	}
	return 0;
}

static int parse_field(const struct reading *reading, struct slice token)
{
	struct slice inside = token;
	char shown[QUOTE_SIZE];

	if (token.length == 1 && *token.start == '-')
		return 0;
	if (token.length > 1 && *token.start == '[' && token.start[token.length - 1] == ']')
		inside = (struct slice){ token.start + 1, token.length - 2 };
	if (holds(inside, "[]"))
		return refuse(reading->error, "%s %s has a bracket out of place: [a,b] would be right",
			      field_names[reading->field], quote(token, shown));
	return inside.start == token.start ? parse_item(reading, token) : parse_list(reading, token);
}

/* --- the tokens --- */

static bool next_token(const char **text, struct slice *out)
{
	out->start = *text + strspn(*text, WHITE_SPACE);
	out->length = strcspn(out->start, WHITE_SPACE);
	*text = out->start + out->length;
	return out->length > 0;
}

/* "[a, b c ]" as it was meant: "[a,b,c]". Cut where `out` ends, which quote() shows. */
static struct slice close_up(struct slice list, char *out, size_t size)
{
	struct slice result = { .start = out };
	char last = '[';

	for (size_t i = 0; i < list.length && result.length < size; i++) {
		bool space = strchr(WHITE_SPACE, list.start[i]);

		if (space && strchr(WHITE_SPACE "],", list.start[i + 1]))
			continue;
		if (space && strchr("[,", last))
			continue;
		last = space ? ',' : list.start[i];
		out[result.length++] = last;
	}
	return result;
}

/*
 * White space inside a list makes it fall apart into tokens; then their number is wrong, too, but it is not what the
 * user should hear of. `rest` is the text after the token.
 */
static int check_list_token(struct slice token, const char *rest, char *error)
{
	struct slice list = { .start = token.start };
	char given[QUOTE_SIZE], right[QUOTE_SIZE], closed[QUOTE_SIZE + 1];
	const char *end = rest + strcspn(rest, "[]");

	if (*token.start != '[' && holds(token, ","))
		return refuse(error, "%s is a list without brackets: [a,b], without spaces, would be right",
			      quote(token, given));
	if (*token.start != '[' || holds(token, "]"))
		return 0;
	if (*end != ']')
		return refuse(error, "%s is a list without its end: [a,b], without spaces, would be right",
			      quote(token, given));
	list.length = (size_t)(end + 1 - token.start);
	return refuse(error, "lists have no spaces: %s is written %s", quote(list, given),
		      quote(close_up(list, closed, sizeof(closed)), right));
}

int rule_parse(const char *text, struct rule *out, char error[RULE_ERROR_SIZE])
{
	struct slice tokens[RULE_FIELDS], token;
	struct rule rule = { 0 };
	struct reading reading = { .rule = &rule, .error = error };
	const char *rest = text;
	unsigned int count = 0;

	for (; next_token(&rest, &token); count++) {
		if (check_list_token(token, rest, error))
			return -EINVAL;
		if (count < RULE_FIELDS)
			tokens[count] = token;
	}
	if (count != RULE_FIELDS)
		return refuse(error, "a rule of %u field%s: %d would be right, " FORM, count, count == 1 ? "" : "s",
			      RULE_FIELDS);
	for (; reading.field < RULE_FIELDS; reading.field++)
		if (parse_field(&reading, tokens[reading.field]))
			return -EINVAL;
	*out = rule;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the clsact qdisc of an interface, and taking out of it what is ours and nothing else. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/clsact_filter.h"
#include "kernel/netlink.h"

#define DUMP_TRIES 10

struct listing {
	clsact_visit *visit;
	void *context;
};

static void options_take(const struct nlattr *options, struct clsact_entry *entry)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, options)
	{
		if (mnl_attr_get_type(attribute) == TCA_BPF_NAME &&
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
			entry->name = mnl_attr_get_str(attribute);
		else if (mnl_attr_get_type(attribute) == TCA_BPF_ID && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			entry->program_id = mnl_attr_get_u32(attribute);
	}
}

static int filter_answer(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *filter = mnl_nlmsg_get_payload(message);
	struct clsact_entry entry = { .name = "" };
	struct listing *listing = context;
	const struct nlattr *attribute;
	bool is_bpf = false;

	if (message->nlmsg_type != RTM_NEWTFILTER)
		return MNL_CB_OK;
	entry.handle = filter->tcm_handle;
	entry.priority = filter->tcm_info >> 16;
	mnl_attr_for_each(attribute, message, sizeof(*filter))
	{
		if (mnl_attr_get_type(attribute) == TCA_KIND && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
			is_bpf = !strcmp(mnl_attr_get_str(attribute), "bpf");
		else if (mnl_attr_get_type(attribute) == TCA_OPTIONS && is_bpf)
			options_take(attribute, &entry);
	}
	listing->visit(listing->context, &entry);
	return MNL_CB_OK;
}

int clsact_list(unsigned int ifindex, enum direction direction, clsact_visit *visit, void *context)
{
	char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct listing listing = { visit, context };
	struct tcmsg *filter;

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_DUMP;
	filter = mnl_nlmsg_put_extra_header(request, sizeof(*filter));
	filter->tcm_family = AF_UNSPEC;
	filter->tcm_ifindex = (int)ifindex;
	filter->tcm_parent = TC_H_MAKE(TC_H_CLSACT,
				       direction == DIRECTION_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
	return netlink_ask(NETLINK_ROUTE, request, filter_answer, &listing);
}

struct qdisc_search {
	unsigned int ifindex;
	bool is_clsact;
};

static int qdisc_answer(const struct nlmsghdr *message, void *context)
{
	const struct tcmsg *qdisc = mnl_nlmsg_get_payload(message);
	struct qdisc_search *search = context;
	const struct nlattr *attribute;

	if ((unsigned int)qdisc->tcm_ifindex != search->ifindex || qdisc->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message,
			  sizeof(*qdisc)) if (mnl_attr_get_type(attribute) == TCA_KIND &&
					      mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		search->is_clsact = !strcmp(mnl_attr_get_str(attribute), "clsact");
	return MNL_CB_OK;
}

int clsact_check(unsigned int ifindex)
{
	struct qdisc_search search = { .ifindex = ifindex };
	int err = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && err == -EAGAIN; i++) {
		char bytes[NETLINK_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
		struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
		struct tcmsg *qdisc;

		request->nlmsg_type = RTM_GETQDISC;
		request->nlmsg_flags = NLM_F_DUMP;
		qdisc = mnl_nlmsg_put_extra_header(request, sizeof(*qdisc));
		qdisc->tcm_family = AF_UNSPEC;
		err = netlink_ask(NETLINK_ROUTE, request, qdisc_answer, &search);
	}
	if (err)
		return err;
	return search.is_clsact ? 0 : -EMEDIUMTYPE;
}

static void count_visit(void *context, const struct clsact_entry *entry)
{
	unsigned int *count = context;

	(void)entry;
	++*count;
}

static bool qdisc_is_empty(unsigned int ifindex)
{
	unsigned int count = 0;

	for (enum direction direction = 0; direction < DIRECTIONS; direction++)
		if (clsact_list(ifindex, direction, count_visit, &count))
			return false;
	return !count;
}

struct search {
	const struct clsact_filter *filter;
	bool found;
};

static void search_visit(void *context, const struct clsact_entry *entry)
{
	struct search *search = context;

	if (entry->handle == search->filter->handle && entry->priority == CLSACT_PRIORITY &&
	    entry->program_id == search->filter->program_id)
		search->found = true;
}

/* Set to zero first and then field by field, as all options of libbpf are here: it refuses a padding that is not zero. */
void clsact_hook(const struct clsact_filter *filter, struct bpf_tc_hook *out)
{
	memset(out, 0, sizeof(*out));
	out->sz = sizeof(*out);
	out->ifindex = (int)filter->ifindex;
	out->attach_point = filter->direction == DIRECTION_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

void clsact_options(const struct clsact_filter *filter, struct bpf_tc_opts *out)
{
	memset(out, 0, sizeof(*out));
	out->sz = sizeof(*out);
	out->handle = filter->handle;
	out->priority = CLSACT_PRIORITY;
}

void clsact_filter_remove(const struct clsact_filter *filter)
{
	struct bpf_tc_opts options;
	struct bpf_tc_hook hook;
	struct search search = { .filter = filter };

	clsact_hook(filter, &hook);
	clsact_options(filter, &options);
	for (int i = 0; i < DUMP_TRIES; i++)
		if (clsact_list(filter->ifindex, filter->direction, search_visit, &search) != -EAGAIN)
			break;
	/* Whatever fails here is gone already, with the interface or by somebody's hand. */
	if (search.found)
		(void)bpf_tc_detach(&hook, &options);
	if (filter->qdisc_ours && qdisc_is_empty(filter->ifindex)) {
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		(void)bpf_tc_hook_destroy(&hook);
	}
}

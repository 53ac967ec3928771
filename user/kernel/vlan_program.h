/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program that asks the driver for the VLAN tag that it took out of a frame. Such a program can be loaded for
 * one device only, so each device has one of its own; all count into the monitor's maps.
 */
#ifndef FLOWGAUGE_VLAN_PROGRAM_H
#define FLOWGAUGE_VLAN_PROGRAM_H

struct flowgauge_vlan_bpf;
struct monitor;

/* 0 or -errno: the kernel or the driver does not take it. */
int vlan_program_open(struct monitor *monitor, unsigned int ifindex, struct flowgauge_vlan_bpf **out);
int vlan_program_fd(const struct flowgauge_vlan_bpf *program);
/* Keeps in the monitor what it has cost; returns NULL. */
struct flowgauge_vlan_bpf *vlan_program_close(struct monitor *monitor, struct flowgauge_vlan_bpf *program);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a single text of a setting must be like (StringCheck of spec/setting-type.h), whatever the other
 * settings are. */

int check_name(const char *s, const char **ret_error);
int check_image(const char *s, const char **ret_error);
int check_plain(const char *s, const char **ret_error);
int check_env_name(const char *s, const char **ret_error);
int check_hostname(const char *s, const char **ret_error);
int check_user(const char *s, const char **ret_error);
int check_group(const char *s, const char **ret_error);
int check_network(const char *s, const char **ret_error);
int check_userns(const char *s, const char **ret_error);
int check_id_map(const char *s, const char **ret_error);
int check_owner(const char *s, const char **ret_error);
int check_volume(const char *s, const char **ret_error);
int check_mount(const char *s, const char **ret_error);
int check_tmpfs(const char *s, const char **ret_error);
int check_device(const char *s, const char **ret_error);
int check_rate(const char *s, const char **ret_error);
int check_number(const char *s, const char **ret_error);
int check_ulimit(const char *s, const char **ret_error);
int check_capability(const char *s, const char **ret_error);
int check_seccomp(const char *s, const char **ret_error);
int check_sysctl(const char *s, const char **ret_error);
int check_timezone(const char *s, const char **ret_error);
int check_cpuset(const char *s, const char **ret_error);
int check_platform(const char *s, const char **ret_error);

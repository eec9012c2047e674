// One function per command, each in a file of its own.
#pragma once

#include "cli/arguments.h"

namespace talon::cli {

int run_init(const Arguments& arguments);
int run_serve(const Arguments& arguments);
int run_audit_list(const Arguments& arguments);
int run_audit_show(const Arguments& arguments);
int run_audit_export(const Arguments& arguments);
int run_audit_verify(const Arguments& arguments);
int run_audit_checkpoint(const Arguments& arguments);
int run_audit_keys_list(const Arguments& arguments);
int run_tenant_list(const Arguments& arguments);
int run_tenant_show(const Arguments& arguments);
int run_config_sample(const Arguments& arguments);
int run_config_check(const Arguments& arguments);
int run_config_show(const Arguments& arguments);
int run_doctor(const Arguments& arguments);
int run_version(const Arguments& arguments);

}  // namespace talon::cli

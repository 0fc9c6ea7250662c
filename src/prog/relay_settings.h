/* The relay as pli.conf has it, for the courier and for `pli check`. */
#ifndef PLI_RELAY_SETTINGS_H
#define PLI_RELAY_SETTINGS_H

struct relay_config;
struct settings;

/* password and ca_pem: contents of the two files, NULL when there is none.  All is borrowed. */
void relay_settings(const struct settings *settings, const char *password, const char *ca_pem, struct relay_config *config_r);

#endif

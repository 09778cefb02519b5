/* A check that must wait. Whoever waits embeds it as first member and says how to give up. */
#pragma once

struct auth_job {
	/* Frees the job; its callback does not run. */
	void (*cancel)(struct auth_job *job);
};

// A libnvrtc.so that compiles nothing: it writes what it is given into the folder STANDIN_SOURCES, a file for each
// source, named by its hash and opened by a line with the options. scripts/cuda/kernels compiles them with true ones.
//
// STANDIN_NVRTC (1208 for 12.8) is the version it says it has.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int nvrtcResult;
struct program { char *source; };

static int version(void) {
    const char *text = getenv("STANDIN_NVRTC");
    return text && *text ? atoi(text) : 1208;
}

nvrtcResult nvrtcVersion(int *major, int *minor) {
    *major = version() / 100;
    *minor = version() % 100;
    return 0;
}

static const int ARCHITECTURES[] = {37, 50, 52, 60, 61, 70, 75, 80, 86, 89, 90, 100, 103, 120, 121};
nvrtcResult nvrtcGetNumSupportedArchs(int *count) {
    *count = sizeof ARCHITECTURES / sizeof *ARCHITECTURES;
    return 0;
}
nvrtcResult nvrtcGetSupportedArchs(int *list) { memcpy(list, ARCHITECTURES, sizeof ARCHITECTURES); return 0; }

nvrtcResult nvrtcCreateProgram(struct program **program, const char *source, const char *name, int headers,
                               const char *const *texts, const char *const *names) {
    (void)name; (void)headers; (void)texts; (void)names;
    *program = malloc(sizeof **program);
    (*program)->source = strdup(source);
    return 0;
}

nvrtcResult nvrtcCompileProgram(struct program *program, int count, const char *const *options) {
    const char *folder = getenv("STANDIN_SOURCES");
    if (!folder) return 0;
    // FNV-1a.
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *at = (const unsigned char *)program->source; *at; at++)
        hash = (hash ^ *at) * 0x100000001b3u;
    char path[4096];
    snprintf(path, sizeof path, "%s/%016llx.cu", folder, (unsigned long long)hash);
    FILE *file = fopen(path, "w");
    if (!file) return 1;
    fputs("//", file);
    for (int i = 0; i < count; i++) fprintf(file, " %s", options[i]);
    fprintf(file, "\n%s", program->source);
    return fclose(file) ? 1 : 0;
}

nvrtcResult nvrtcDestroyProgram(struct program **program) {
    free((*program)->source);
    free(*program);
    *program = NULL;
    return 0;
}

static const char PTX[] = "// none\n";
nvrtcResult nvrtcGetPTXSize(struct program *program, size_t *size) { (void)program; *size = sizeof PTX; return 0; }
nvrtcResult nvrtcGetPTX(struct program *program, char *text) { (void)program; memcpy(text, PTX, sizeof PTX); return 0; }
nvrtcResult nvrtcGetProgramLogSize(struct program *program, size_t *size) { (void)program; *size = 1; return 0; }
nvrtcResult nvrtcGetProgramLog(struct program *program, char *text) { (void)program; *text = 0; return 0; }
const char *nvrtcGetErrorString(nvrtcResult result) { return result ? "cannot write STANDIN_SOURCES" : "no error"; }

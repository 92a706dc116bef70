/* A stand-in for MPI: the ranks are processes of one machine, and send each other doubles through named pipes. It has
   the calls that examples/mpi_rod makes. `mpirun` beside it makes the pipes, and starts the ranks. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MPI_COMM_WORLD 0
#define MPI_DOUBLE 0
#define MPI_MAX 0
#define MPI_PROC_NULL (-1)
#define MPI_STATUS_IGNORE 0

static int mpi_rank, mpi_size, mpi_pipes[64][64];

static int mpi_pipe(int from, int to) {
    char name[4096];
    snprintf(name, sizeof name, "%s/%d-%d", getenv("STAND_IN_PIPES"), from, to);
    if (!mpi_pipes[from][to]) mpi_pipes[from][to] = open(name, O_RDWR);
    return mpi_pipes[from][to];
}

static void mpi_send(const double *value, int to) {
    if (to >= 0 && write(mpi_pipe(mpi_rank, to), value, sizeof *value) != sizeof *value) exit(1);
}

static void mpi_receive(double *value, int from) {
    if (from >= 0 && read(mpi_pipe(from, mpi_rank), value, sizeof *value) != sizeof *value) exit(1);
}

static void MPI_Init(int *count, char ***words) {
    (void)count, (void)words;
    mpi_rank = atoi(getenv("STAND_IN_RANK"));
    mpi_size = atoi(getenv("STAND_IN_SIZE"));
}

static void MPI_Comm_rank(int all, int *rank) { (void)all, *rank = mpi_rank; }
static void MPI_Comm_size(int all, int *size) { (void)all, *size = mpi_size; }
static void MPI_Abort(int all, int code) { (void)all, exit(code); }
static void MPI_Finalize(void) {}

static void MPI_Sendrecv(const double *sent, int n, int type, int to, int tag, double *got, int m, int kind, int from,
                         int other, int all, int status) {
    (void)n, (void)type, (void)tag, (void)m, (void)kind, (void)other, (void)all, (void)status;
    mpi_send(sent, to);
    mpi_receive(got, from);
}

static void MPI_Reduce(const double *mine, double *largest, int n, int type, int operation, int root, int all) {
    (void)n, (void)type, (void)operation, (void)all;
    *largest = *mine;
    if (mpi_rank != root) mpi_send(mine, root);
    else
        for (int rank = 0; rank < mpi_size; rank++) {
            double other = *mine;
            if (rank != root) mpi_receive(&other, rank);
            if (other > *largest) *largest = other;
        }
}
